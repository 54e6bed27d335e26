"""Which build of torch set-up takes, with a Python of our own in pip's place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
# Writes down how it was called, and fails where the words of `fails-on` stand in that.
FAKE_PYTHON = """#!/bin/sh
folder=$(dirname "$0")
echo "$*" >> "$folder/calls"
while read -r words; do
  case "$*" in *"$words"*) echo "no $words here" >&2; exit 1;; esac
done < "$folder/fails-on"
"""
CPU, PYTORCH, CUDA = "-r requirements-cpu.lock", "--index-url", "-r requirements-cuda.lock"


def install(folder: Path, *fails_on: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What the script did where pip fails on calls with any of these words, and pip's calls."""
    folder.mkdir()
    python = folder / "python"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    (folder / "fails-on").write_text("".join(f"{words}\n" for words in fails_on))
    done = subprocess.run(
        ["tools/install_torch.sh", str(python)], cwd=REPOSITORY, capture_output=True, text=True
    )
    return done, (folder / "calls").read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "日本語 with a space"


def test_where_pip_is_configured_to_look_comes_first(folder: Path) -> None:
    done, calls = install(folder)
    assert done.returncode == 0
    assert [CPU in call and PYTORCH not in call for call in calls] == [True]
    assert "the CPU build (190 MB)" in done.stdout


def test_then_pytorchs_own_index_with_a_short_limit_and_no_retries(folder: Path) -> None:
    done, calls = install(folder, f"--require-hashes {CPU}")
    assert done.returncode == 0
    assert len(calls) == 2
    assert "--retries 0 --timeout 5 --index-url https://download.pytorch.org/whl/cpu" in calls[1]
    assert "https://download.pytorch.org/whl/cpu" in done.stdout


def test_then_the_cuda_build_and_its_size_is_said(folder: Path) -> None:
    done, calls = install(folder, CPU)
    assert done.returncode == 0
    assert CUDA in calls[-1]
    assert len(calls) == 3
    assert "CUDA build (4 GB)" in done.stdout
    assert done.stderr == ""


def test_where_nothing_is_found_pip_s_own_words_are_shown(folder: Path) -> None:
    done, _ = install(folder, CPU, CUDA)
    assert done.returncode == 1
    assert f"no {CPU} here" in done.stderr
    assert f"no {CUDA} here" in done.stderr


def test_every_call_holds_pip_to_the_locked_hashes(folder: Path) -> None:
    _, calls = install(folder, CPU)
    assert all("--require-hashes" in call and "--no-deps" in call for call in calls)
