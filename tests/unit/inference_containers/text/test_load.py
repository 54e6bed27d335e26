"""Loading: whole models of allowed file types, everything else refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference_containers.text.load import load


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_loads_with_its_context_and_end(model_folder: Path) -> None:
    loaded = load(model_folder)
    assert loaded.context_length == 96
    assert loaded.tokenizer.convert_tokens_to_ids("<|end|>") in loaded.end_token_ids


def test_name_is_the_training_job(folder: Path) -> None:
    (folder / "training.json").write_text('{"training_job": "faq-20261122"}')
    assert load(folder).name == "faq-20261122"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py", "x.pkl", "run", "a/b.pt"])
def test_other_file_types_are_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="is refused"):
        load(folder)


def test_link_is_refused(folder: Path) -> None:
    (folder / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match=r"link\.json is refused"):
        load(folder)


@pytest.mark.parametrize("num_bytes", [0, 4, 100, -1])
def test_damaged_weights_are_refused(folder: Path, num_bytes: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ValueError, match=name.removeprefix("model")):
        load(folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model folder at"):
        load(tmp_path / "model")
