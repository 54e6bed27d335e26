"""A model's manifest: what was changed, cut, lost or slipped in is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meguru.model_hashes import INDEX, MANIFEST, check_hashes, write_hashes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "adapter").mkdir()
    for name in ("model.safetensors", "config.json", "adapter/adapter_model.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    write_hashes(tmp_path)
    return tmp_path


def test_what_was_written_is_right(folder: Path) -> None:
    assert check_hashes(folder)


def test_without_a_manifest_nothing_is_known(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert not check_hashes(folder)


@pytest.mark.parametrize("content", [b"", b"Model.safetensors", b"model.safetensors."])
def test_a_changed_file_is_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors is not the file"):
        check_hashes(folder)


def test_a_lost_file_is_named(folder: Path) -> None:
    (folder / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"adapter_model\.safetensors is missing"):
        check_hashes(folder)


def test_a_lost_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / INDEX).write_text(json.dumps(index))
    write_hashes(folder)
    with pytest.raises(ValueError, match=r"model-2\.safetensors is missing"):
        check_hashes(folder)
    (folder / INDEX).write_text("[]")
    with pytest.raises(ValueError, match="which weights are in which file"):
        check_hashes(folder)


def test_a_manifest_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    write_hashes(tmp_path)
    with pytest.raises(ValueError, match=r"no \.safetensors file"):
        check_hashes(tmp_path)


def test_further_weights_are_refused(folder: Path) -> None:
    (folder / "model-2.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"model-2\.safetensors is refused"):
        check_hashes(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": [1]}', '{"files": [{"path": "a"}]}'])
def test_a_damaged_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match="is not a list of files"):
        check_hashes(folder)


def test_a_file_elsewhere_is_not_read(folder: Path) -> None:
    one = {"path": "../secret", "sha256": "", "bytes": 0}
    (folder / MANIFEST).write_text(json.dumps({"files": [one]}))
    with pytest.raises(ValueError, match="leaves its folder"):
        check_hashes(folder)
