"""Set-up says what it does before each step that takes long, and how long that is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
LONG = ("-m venv", "pip install", "install_torch.sh")


@pytest.fixture(scope="module")
def recipe() -> list[str]:
    """What `make setup` would run, line by line."""
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "setup"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()


def test_no_long_step_is_silent(recipe: list[str]) -> None:
    long = [number for number, line in enumerate(recipe) if any(step in line for step in LONG)]
    announced = [re.match(r'echo "  (\d)/(\d) .+: .+"$', recipe[number - 1]) for number in long]
    assert [one and one.groups() for one in announced] == [
        (str(number), "4") for number in range(1, 5)
    ]


def test_the_number_of_packages_is_the_lock_s(recipe: list[str]) -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    number = len(re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", lock, re.MULTILINE))
    assert any(f" {number} packages: " in line for line in recipe)
