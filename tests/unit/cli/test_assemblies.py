"""What is kept of earlier syntheses: found again for the same inputs, and for no others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import assemblies
from cli.assemblies import MAX_KEPT, KeptAssemblies, inputs_fingerprint


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "stacks").mkdir(parents=True)
    (folder / "stacks" / "lake.py").write_text("1")
    (folder / "environment.yaml").write_text("name: poc")
    git(folder, "init", "--quiet")
    return folder


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    folder = tmp_path / "cdk.out"
    (folder / "asset.1").mkdir(parents=True)
    (folder / "asset.1" / "handler.py").write_text("pass")
    return folder


def git(folder: Path, *words: str) -> None:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(["git", *names, *words], cwd=folder, check=True)


def of(repository: Path) -> str:
    return inputs_fingerprint(repository, repository / "environment.yaml")


def write_of_the_same_size(repository: Path) -> None:
    (repository / "stacks" / "lake.py").write_text("2")


def add(repository: Path) -> None:
    (repository / "stacks" / "new.py").write_text("")


def add_with_a_name_that_is_no_text(repository: Path) -> None:
    (repository / "stacks" / "\udcff.py").write_text("")


def remove(repository: Path) -> None:
    (repository / "stacks" / "lake.py").unlink()


def make_executable(repository: Path) -> None:
    (repository / "stacks" / "lake.py").chmod(0o755)


def commit(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Begin")


@pytest.mark.parametrize(
    "change",
    [
        write_of_the_same_size,
        add,
        add_with_a_name_that_is_no_text,
        remove,
        make_executable,
        commit,
    ],
)
def test_a_change_is_seen(repository: Path, change: Callable[[Path], None]) -> None:
    before = of(repository)
    change(repository)
    assert of(repository) != before


def test_another_environment_file_is_another_input(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("name: poc")
    assert inputs_fingerprint(repository, other) == of(repository)
    other.write_text("name: other")
    assert inputs_fingerprint(repository, other) != of(repository)


def test_installed_packages_and_variables_are_inputs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of(repository)
    with monkeypatch.context() as patch:
        patch.setenv("CDK_DEFAULT_REGION", "eu-central-1")
        assert of(repository) != before
    with monkeypatch.context() as patch:
        patch.setattr(assemblies, "PACKAGES", tmp_path)
        assert of(repository) != before
    monkeypatch.setenv("COLUMNS", "99")
    assert of(repository) == before


def test_what_runs_leave_behind_is_no_input(repository: Path) -> None:
    before = of(repository)
    for folder in ("stacks/__pycache__", ".venv/bin", ".meguru/demo", "cdk.out"):
        (repository / folder).mkdir(parents=True)
        (repository / folder / "made").write_text("")
    assert of(repository) == before


def test_a_kept_assembly_is_copied(assembly: Path, tmp_path: Path) -> None:
    kept = KeptAssemblies(tmp_path / "kept")
    assert not kept.copy("a", tmp_path / "copy")
    kept.keep("a", assembly)
    kept.keep("a", assembly)
    assert kept.copy("a", tmp_path / "copy")
    assert (tmp_path / "copy" / "asset.1" / "handler.py").read_text() == "pass"
    assert not kept.copy("b", tmp_path / "other")


def test_the_newest_few_are_kept(assembly: Path, tmp_path: Path) -> None:
    kept = KeptAssemblies(tmp_path / "kept")
    kept.keep("in use", assembly)
    for number in range(MAX_KEPT + 1):
        kept.keep(str(number), assembly)
        assert kept.copy("in use", tmp_path / f"copy-{number}")
    assert len(list((tmp_path / "kept").iterdir())) == MAX_KEPT
    assert not kept.copy("0", tmp_path / "copy")


def test_what_can_not_be_kept_is_no_failure(assembly: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = KeptAssemblies(tmp_path / "file" / "kept")
    kept.keep("a", assembly)
    assert not kept.copy("a", tmp_path / "copy")


def test_half_a_copy_is_none(assembly: Path, tmp_path: Path) -> None:
    kept = KeptAssemblies(tmp_path / "kept")
    kept.keep("a", assembly)
    (tmp_path / "kept" / "a" / "asset.2").symlink_to(tmp_path / "gone")
    assert not kept.copy("a", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
