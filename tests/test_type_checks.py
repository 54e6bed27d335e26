"""What mypy leaves out: what is made or installed here, and none of the sources."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
EXCLUDED = [re.compile(pattern) for pattern in SETTINGS["tool"]["mypy"]["exclude"]]
# Where everything of ours is that a type checker is told of.
SOURCES = re.findall(r"^SOURCES := (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def is_excluded(path: str) -> bool:
    return any(pattern.search(path) for pattern in EXCLUDED)


def test_no_source_is_left_out() -> None:
    [folders] = SOURCES
    paths = [path for name in folders.split() for path in (REPOSITORY / name).rglob("*.py")]
    names = [path.relative_to(REPOSITORY).as_posix() for path in paths]
    assert "tests/unit/meguru/test_chat.py" in names
    assert [name for name in names if is_excluded(name)] == []


def test_what_is_made_here_is_left_out() -> None:
    made = ("cdk.out/asset.1/a.py", ".meguru/up/a.py", ".venv/lib/a.py", "x/.meguru/a.py")
    assert all(map(is_excluded, made))
