"""What a deployment by a commit runs, with programs of our own in the places of those it calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SCRIPT = "tools/deploy_commit.sh"
# Writes down how it was called, and fails where its name stands in `fails`.
FAKE = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> calls
! grep -qx "$name" fails
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, and fakes on its path and in its virtual environment."""
    for name in ("bin/make", "bin/docker", "bin/npx", ".venv/bin/aws", ".venv/bin/meguru"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE)
        path.chmod(0o755)
    (tmp_path / "fails").write_text("")
    (tmp_path / "tools").mkdir()
    shutil.copy2(REPOSITORY / SCRIPT, tmp_path / SCRIPT)
    return tmp_path


def deploy(checkout: Path, *words: str) -> tuple[int, list[str]]:
    """How the script ended, and what it called."""
    done = subprocess.run(
        [checkout / SCRIPT, *words],
        env={**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"},
        cwd="/",
        capture_output=True,
        check=False,
    )
    calls = checkout / "calls"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else []


def test_it_deploys_and_then_looks(checkout: Path) -> None:
    code, calls = deploy(checkout, "environments/acme.yaml")
    assert code == 0
    # The login's two programs run at once.
    assert sorted(call.split()[0] for call in calls[1:3]) == ["aws", "docker"]
    make, *_, deployed, looked = calls
    assert make == "make setup"
    assert deployed.startswith("npx --yes aws-cdk@") and " deploy --all " in deployed
    assert deployed.endswith("--app .venv/bin/python app.py environments/acme.yaml")
    outputs = re.search(r"--outputs-file (\S+)", deployed)
    assert outputs and looked == f"meguru source look {outputs[1]}"
    assert not Path(outputs[1]).exists()


@pytest.mark.parametrize("broken", ["make", "docker", "npx"])
def test_what_was_not_deployed_is_not_looked_at(checkout: Path, broken: str) -> None:
    (checkout / "fails").write_text(f"{broken}\n")
    code, calls = deploy(checkout, "environments/acme.yaml")
    assert code != 0
    assert not [call for call in calls if call.startswith("meguru")]


@pytest.mark.parametrize("words", [(), ("a.yaml", "b.yaml")])
def test_it_takes_one_file(checkout: Path, words: tuple[str, ...]) -> None:
    assert deploy(checkout, *words) == (2, [])


def test_the_command_is_the_one_that_the_guide_names() -> None:
    [version] = re.findall(r"aws-cdk@([\d.]+)", (REPOSITORY / SCRIPT).read_text())
    assert f"aws-cdk@{version}`" in (REPOSITORY / "docs" / "deploying.md").read_text("utf-8")
