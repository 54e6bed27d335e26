"""A manifest says what it was written with, and a folder is held against it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from meguru.base_model import (
    BaseModel,
    Shape,
    Source,
    hash_file,
    revision_of,
    verify,
)
from meguru.model_hashes import MANIFEST

SHAPE = Shape(576, 1536, 30, 9, 3, 64, 49152, True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text(name)
    files = tuple(hash_file(path) for path in sorted(tmp_path.iterdir()))
    model = BaseModel(
        name="tiny",
        revision=revision_of(files),
        source=Source("hub", "maker/tiny", "0" * 40),
        licence="Apache-2.0",
        architecture="LlamaForCausalLM",
        num_parameters=134_515_008,
        dtype="bfloat16",
        context_tokens=8192,
        has_chat_template=True,
        shape=SHAPE,
        files=files,
    )
    (tmp_path / MANIFEST).write_bytes(model.to_json())
    return tmp_path


def change(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **values}))


def test_a_manifest_is_read_as_it_was_written(folder: Path) -> None:
    model = verify(folder)
    assert BaseModel.parse(model.to_json()) == model
    assert model.num_bytes == len("config.json") + len("model.safetensors")


def test_the_revision_is_of_names_and_contents_alone(folder: Path) -> None:
    files = verify(folder).files
    assert revision_of(reversed(files)) == revision_of(files)
    other = [dataclasses.replace(files[0], path="other.json"), *files[1:]]
    assert revision_of(other) != revision_of(files)


def test_a_shapes_parameters_are_those_of_the_model() -> None:
    assert SHAPE.num_parameters == 134_515_008
    untied = dataclasses.replace(SHAPE, tie_word_embeddings=False)
    assert untied.num_parameters == 134_515_008 + 49152 * 576


def test_what_is_missing_or_changed_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("config.jsoN")
    with pytest.raises(ValueError, match=r"config.json is not the file .* `meguru model add "):
        verify(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"tiny \([0-9a-f]{16}\): config.json is missing"):
        verify(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(ValueError, match=r"no manifest.json, which is written last"):
        verify(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": 2}, "is not of format 1"),
        ({"files": []}, "was changed: its files make the revision"),
        ({"name": "../x"}, "is no base model's name"),
        ({"files": [{"path": "../x", "sha256": "0", "bytes": 1}]}, "'../x' is no file's name"),
        ({"shape": {}}, "can't be read"),
        ({"unknown": 1}, "can't be read"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(
    folder: Path, values: dict[str, object], said: str
) -> None:
    change(folder, **values)
    with pytest.raises(ValueError, match=said):
        verify(folder)


def test_what_is_no_manifest_is_refused() -> None:
    for content in (b"", b"[]", b"\xff", b"{}"):
        with pytest.raises(ValueError, match=r"manifest\.json is not"):
            BaseModel.parse(content)
