"""The commit that a run is of: the newest that changed what it is made of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

# By its name: the module is imported where it is changed.
REPOSITORY = "stacks.constructs.job.REPOSITORY"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(REPOSITORY, tmp_path)
    git(tmp_path, "init", "--quiet")
    return tmp_path


def source_commit(*folders: str) -> str:
    from stacks.constructs import job

    return job.source_commit(*folders)


def git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    said = subprocess.run(
        ["git", *names, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return said.stdout.strip()


def commit(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    git(folder, "add", name)
    git(folder, "commit", "--quiet", "--message", f"Change {name}")
    return git(folder, "rev-parse", "HEAD")


def test_a_later_commit_of_something_else_is_not_it(repository: Path) -> None:
    started = commit(repository, "training/loop.py", "1")
    commit(repository, "README.md", "1")
    commit(repository, "environments/acme.yaml", "1")
    assert source_commit("training") == started


def test_the_settings_count_where_they_start_one(repository: Path) -> None:
    commit(repository, "training/loop.py", "1")
    started = commit(repository, "environments/acme.yaml", "1")
    commit(repository, "README.md", "1")
    assert source_commit("training", "environments/acme.yaml") == started


def test_what_is_in_no_commit_says_so(repository: Path) -> None:
    started = commit(repository, "training/loop.py", "1")
    (repository / "training/loop.py").write_text("2")
    assert source_commit("training") == f"{started}-modified"


def test_outside_a_repository_it_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REPOSITORY, tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source_commit("training") == "unknown"
