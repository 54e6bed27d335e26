"""Checkpoints: complete or ignored, written while the training goes on."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import training.checkpoint_files
from training.checkpoint_files import Manifest
from training.checkpoints import Checkpoints, share_of
from training.distributed import World

FILE = "rank-00000.safetensors"


# What torch says where there is no process group: this process is not forked from one that has.
pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")


class OneRank(World):
    """A world of one that needs no process group."""

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def apart(self) -> World:
        return self


@pytest.fixture
def world() -> World:
    return OneRank(0, 1, torch.device("cpu"))


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"a": torch.arange(6.0).reshape(2, 3) * step, "step": torch.tensor(float(step))}


def process_memory() -> int:
    """Bytes of this process that are in memory."""
    return int(psutil.Process().memory_info().rss)


def save(checkpoints: Checkpoints, *steps: int) -> None:
    for step in steps:
        checkpoints.begin(step, tensors(step), {"position": step * 2})
        checkpoints.finish()


def newest(checkpoints: Checkpoints) -> int | None:
    """The step of the newest one, whose tensors have to be the step's own."""
    found = checkpoints.newest()
    if found is None:
        return None
    loaded = {name: torch.full_like(one, -1) for name, one in tensors(0).items()}
    checkpoints.load(found, loaded)
    assert all(torch.equal(loaded[name], one) for name, one in tensors(found.step).items())
    assert found.progress == {"position": found.step * 2}
    return found.step


def test_newest_comes_back_and_two_are_kept(tmp_path: Path, world: World) -> None:
    checkpoints = Checkpoints(tmp_path, world)
    save(checkpoints, 5, 10, 15)
    assert newest(checkpoints) == 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000015"]


def test_what_it_has_not_got_is_said(tmp_path: Path, world: World) -> None:
    checkpoints = Checkpoints(tmp_path, world)
    save(checkpoints, 5)
    found = checkpoints.newest()
    assert found
    with pytest.raises(ValueError, match=r"checkpoint of step 5 can't be loaded: .*other"):
        checkpoints.load(found, {"other": torch.zeros(3)})


def test_training_goes_on_while_it_is_written(tmp_path: Path, world: World) -> None:
    checkpoints, state = Checkpoints(tmp_path, world), tensors(5)
    checkpoints.begin(5, state, {"position": 10})
    state["a"].fill_(7.0)
    checkpoints.finish()
    assert newest(checkpoints) == 5


def test_memory_that_was_reserved_is_what_is_copied_to(tmp_path: Path, world: World) -> None:
    checkpoints, state = Checkpoints(tmp_path, world), {"a": torch.zeros(4000, 1000)}
    checkpoints.reserve(state)
    checkpoints.finish()
    before = process_memory()
    state["a"].fill_(7.0)
    checkpoints.begin(5, state, {})
    taken = process_memory() - before
    checkpoints.finish()
    assert taken < state["a"].nbytes / 2
    found = checkpoints.newest()
    assert found
    checkpoints.load(found, loaded := {"a": torch.zeros(4000, 1000)})
    assert torch.equal(loaded["a"], state["a"])


@pytest.mark.parametrize(
    "damage", ["shorter", "changed", "missing", "half a manifest", "another format", "moved"]
)
def test_damaged_one_is_ignored_with_a_line(
    tmp_path: Path, world: World, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, world)
    save(checkpoints, 5, 10)
    folder = tmp_path / "step-00000010"
    file, manifest = folder / FILE, folder / "manifest.json"
    if damage == "missing":
        file.unlink()
    elif damage == "half a manifest":
        manifest.write_bytes(manifest.read_bytes()[:40])
    elif damage == "another format":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 3}))
    elif damage == "moved":
        shutil.copytree(folder, tmp_path / "step-00000011")
        shutil.rmtree(folder)
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content[:-1] if damage == "shorter" else content)

    assert newest(checkpoints) == 5
    assert "is incomplete or damaged: ignored" in capsys.readouterr().out


def test_unknown_files_are_left_alone(tmp_path: Path, world: World) -> None:
    (tmp_path / "sagemaker-sync.tmp").write_bytes(b"?")
    (tmp_path / "step-abc").mkdir()
    (tmp_path / "step-00000003").write_bytes(b"a file, not a folder")
    checkpoints = Checkpoints(tmp_path, world)
    assert newest(checkpoints) is None
    save(checkpoints, 5)
    (tmp_path / "step-00000005" / "rank-00009.safetensors").write_bytes(b"of an attempt before")
    (tmp_path / "step-00000005" / f"{FILE}.sagemaker-uploaded").touch()
    assert newest(checkpoints) == 5
    assert (tmp_path / "sagemaker-sync.tmp").exists()


def test_manifest_cannot_name_files_outside(tmp_path: Path, world: World) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", world)
    save(checkpoints, 5)
    folder = tmp_path / "checkpoints" / "step-00000005"
    (folder / FILE).rename(tmp_path / FILE)
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace(FILE, f"../../{FILE}"))
    assert newest(checkpoints) is None


def test_what_cannot_be_written_is_said(tmp_path: Path, world: World) -> None:
    checkpoints = Checkpoints(tmp_path, world)
    (tmp_path / "step-00000005").write_bytes(b"in the way")
    checkpoints.begin(5, tensors(5), {})
    with pytest.raises(OSError, match=r"checkpoint of step 5 was not written: .*File exists"):
        checkpoints.finish()


def test_killed_between_any_two_writes(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever rename is the last before a kill, the newest checkpoint is whole."""
    rename = Path.rename
    for survived in range(2):
        left = survived

        def rename_until_killed(path: Path, target: Path) -> Path:
            nonlocal left
            if left == 0:
                raise OSError("killed")
            left -= 1
            return rename(path, target)

        checkpoints = Checkpoints(tmp_path / str(survived), world)
        save(checkpoints, 5)
        monkeypatch.setattr(Path, "rename", rename_until_killed)
        with pytest.raises(OSError, match="killed"):
            save(checkpoints, 10)
        monkeypatch.setattr(Path, "rename", rename)
        assert newest(checkpoints) == 5
        save(checkpoints, 10)
        assert newest(checkpoints) == 10


def test_any_changed_byte_is_noticed(tmp_path: Path, world: World) -> None:
    checkpoints, chance = Checkpoints(tmp_path, world), random.Random(3)
    save(checkpoints, 5)
    file = tmp_path / "step-00000005" / FILE
    whole = file.read_bytes()
    for _ in range(50):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        assert checkpoints.newest() is None


def test_hash_is_of_what_was_written_in_pieces(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.checkpoint_files, "_PIECE_BYTES", 7)
    save(Checkpoints(tmp_path, world), 5)
    manifest = Manifest.read(tmp_path / "step-00000005")
    assert manifest and manifest.files[0].is_intact(tmp_path / "step-00000005")


def test_each_whole_tensor_is_written_by_one_rank() -> None:
    state = {str(number): torch.zeros(number + 1) for number in range(20)}
    shares = [share_of(state, rank, 4) for rank in range(4)]
    assert sorted(name for share in shares for name in share) == sorted(state)
    sizes = [sum(one.nbytes for one in share.values()) for share in shares]
    assert max(sizes) - min(sizes) <= 20 * 4
