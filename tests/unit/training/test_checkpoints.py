"""Checkpoints: complete or ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import training.checkpoints
from training.checkpoints import Checkpoints
from training.distributed import World


class OneRank(World):
    """A world of one that needs no process group."""

    def gather(self, value: Any) -> list[Any]:
        return [value]


class WithGhost(OneRank):
    """A second rank whose file never arrives here, as when a sync is behind."""

    def gather(self, value: Any) -> list[Any]:
        return [value, {"random-00001.safetensors": "0" * 64}] if value else [value]


WORLD = OneRank(0, 1, torch.device("cpu"))


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_newest_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, WORLD)
    for step in (5, 10, 15):
        checkpoints.save(step, {"a": b"%d" % step})
    assert checkpoints.latest() == (15, {"a": b"15"})
    assert steps(tmp_path) == ["step-00000010", "step-00000015"]


@pytest.mark.parametrize("damage", ["shorter", "changed", "missing", "manifest"])
def test_damaged_one_is_ignored_with_a_line(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, WORLD)
    checkpoints.save(5, {"a": b"five"})
    checkpoints.save(10, {"a": b"tens"})
    newest = tmp_path / "step-00000010"
    if damage == "missing":
        (newest / "a").unlink()
    elif damage == "manifest":
        (newest / "manifest.json").write_text('{"step": 10, "fil')
    else:
        (newest / "a").write_bytes(b"te" if damage == "shorter" else b"tenz")

    assert checkpoints.latest() == (5, {"a": b"five"})
    assert "step-00000010 is incomplete or damaged: ignored" in capsys.readouterr().out


def test_file_of_another_host_that_has_not_arrived(tmp_path: Path) -> None:
    Checkpoints(tmp_path, WORLD).save(5, {"a": b"five"})
    behind = Checkpoints(tmp_path, WithGhost(0, 2, torch.device("cpu")))
    behind.save(10, {"a": b"ten"})
    assert Checkpoints(tmp_path, WORLD).latest() == (5, {"a": b"five"})


def test_unknown_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sagemaker-sync.tmp").write_bytes(b"?")
    (tmp_path / "step-abc").mkdir()
    (tmp_path / "step-00000003").write_bytes(b"a file, not a folder")
    checkpoints = Checkpoints(tmp_path, WORLD)
    assert checkpoints.latest() is None
    checkpoints.save(5, {"a": b"five"})
    assert checkpoints.latest() == (5, {"a": b"five"})
    assert (tmp_path / "sagemaker-sync.tmp").exists()


def test_manifest_cannot_name_files_outside(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"secret")
    folder = tmp_path / "checkpoints" / "step-00000005"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"step": 5, "files": {"../../secret": "x"}}')
    assert Checkpoints(tmp_path / "checkpoints", WORLD).latest() is None


def test_killed_between_any_two_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever write is the last before a kill, the newest checkpoint is whole."""

    class Killed(BaseException):
        pass

    write = training.checkpoints.write_atomically
    files = {name: name.encode() * 9 for name in ("a", "b", "c")}
    for survived in range(4):
        left = survived

        def write_until_killed(path: Path, content: bytes) -> None:
            nonlocal left
            if left == 0:
                path.with_name(f".{path.name}.tmp").write_bytes(content[:3])
                raise Killed
            left -= 1
            write(path, content)

        folder = tmp_path / str(survived)
        checkpoints = Checkpoints(folder, WORLD)
        checkpoints.save(5, files)
        monkeypatch.setattr(training.checkpoints, "write_atomically", write_until_killed)
        with pytest.raises(Killed):
            checkpoints.save(10, files)
        monkeypatch.setattr(training.checkpoints, "write_atomically", write)
        assert checkpoints.latest() == (5, files)
        checkpoints.save(10, files)
        assert checkpoints.latest() == (10, files)
