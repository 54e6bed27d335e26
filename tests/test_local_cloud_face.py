"""What Meguru knows of the local cloud: its command, and `localcloud.check` for tests alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FACE = "localcloud.check"
OWN = [
    path.relative_to(REPOSITORY)
    for path in sorted([*REPOSITORY.glob("*.py"), *REPOSITORY.glob("[!.]*/**/*.py")])
    if path.relative_to(REPOSITORY).parts[0] not in ("packages", "cdk.out", "build")
]


def imported(source: str) -> Iterator[str]:
    """The modules of localcloud that a source imports, wherever in it."""
    if "localcloud" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = []
        yield from (name for name in names if name.partition(".")[0] == "localcloud")


@pytest.mark.parametrize(
    "source",
    [
        "import localcloud.cloud",
        "from localcloud import check, cloud",
        "def late():\n    from localcloud.iam.policy import decide",
    ],
)
def test_another_import_is_seen(source: str) -> None:
    assert any(not name.startswith(FACE) for name in imported(source))


def test_nothing_but_its_public_face_is_imported() -> None:
    assert Path("tests/stacks/workflow_calls.py") in OWN
    found = {
        path.as_posix(): name
        for path in OWN
        for name in imported((REPOSITORY / path).read_text("utf-8"))
        if path.parts[0] != "tests" or not f"{name}.".startswith(f"{FACE}.")
    }
    assert found == {}
