"""`app.py` as the command runs it: what it refuses is said as it said it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import synthesis
from cli.synthesis import SynthesisFailed, synthesize


def test_refusal_is_one_message(tmp_path: Path, poc: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(poc.read_text().replace("name: poc", "name: POC"))
    with pytest.raises(SynthesisFailed) as failure:
        synthesize(wrong, tmp_path / "out" / "cdk.out")
    assert f"{wrong}:2: name:" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def leave_as_it_is(file: Path) -> None:
    pass


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "# edited\n")


@pytest.mark.parametrize(("meanwhile", "runs"), [(leave_as_it_is, 1), (edit, 2)])
def test_only_what_was_edited_is_made_anew(
    tmp_path: Path,
    poc: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Path], None],
    runs: int,
) -> None:
    file = Path(shutil.copy(poc, tmp_path / "environment.yaml"))
    ran = []

    def run_app(environment_file: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "manifest.json").write_text(environment_file.read_text())
        ran.append(environment_file)
        meanwhile(environment_file)

    monkeypatch.setattr(synthesis, "run_app", run_app)
    synthesize(file, tmp_path / "cdk.out", kept=tmp_path / "kept")
    as_it_is = file.read_text()
    folder = synthesize(file, tmp_path / "cdk.out", kept=tmp_path / "kept")
    assert (folder / "manifest.json").read_text() == as_it_is
    assert len(ran) == runs
