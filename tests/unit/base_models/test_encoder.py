"""An encoder goes into the lake with what says how its vectors are made, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from base_models.add import Added, add
from base_models.hub import _chosen
from cli.base_models import model_files
from inference_containers.embedding.load import load
from meguru.base_model import Source
from meguru.embedding_settings import FILE, EmbeddingSettings
from tests.unit.encoders import write_encoder

PROMPTS = {"query": "question: ", "document": "text: ", "classification": "kind: "}


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """As sentence-transformers saves one."""
    folder = write_encoder(tmp_path / "source")
    (folder / FILE).unlink()
    write_description(folder)
    return folder


def write_description(
    folder: Path, kinds: tuple[str, ...] = ("Transformer", "Pooling", "Normalize"), **pooling: Any
) -> None:
    modules = [
        {
            "idx": number,
            "path": f"{number}_{kind}" if number else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    said = pooling or {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48}')
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": PROMPTS}))


def added(folder: Path, output: Path) -> Added:
    return add(folder, output, name="vectors", source=Source("folder", "x"), licence="MIT")


def settings_of(result: Added, output: Path) -> EmbeddingSettings:
    return EmbeddingSettings.parse((output / result.model.revision / FILE).read_bytes())


def test_it_lies_in_the_lake_as_it_is_served(encoder: Path, tmp_path: Path) -> None:
    result = added(encoder, tmp_path / "out")
    assert (result.model.kind, result.model.architecture) == ("embedding", "BertModel")
    assert settings_of(result, tmp_path / "out") == EmbeddingSettings(
        pooling="mean",
        max_tokens=48,
        dimensions=32,
        prompts={"query": "question: ", "passage": "text: "},
    )
    names = {one.path for one in result.model.files}
    assert names == {
        FILE,
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert load(tmp_path / "out" / result.model.revision).settings.max_tokens == 48
    [note] = [one for one in result.notes if "embedding model" in one]
    assert "32 numbers by mean pooling of at most 48 tokens" in note
    assert "'question: ' before a query" in note
    assert not [one for one in result.notes if "chat template" in one]


def test_all_that_says_it_is_sent_and_fetched(encoder: Path) -> None:
    sent = {path.relative_to(encoder).as_posix() for path in model_files(encoder)}
    assert {"modules.json", "1_Pooling/config.json", "model.safetensors"} <= sent
    assert sent == set(_chosen(sent | {"onnx/model.onnx"}))


def test_its_own_file_counts_before_all_else(encoder: Path, tmp_path: Path) -> None:
    first = added(encoder, tmp_path / "out")
    again = Path(shutil.copytree(tmp_path / "out" / first.model.revision, tmp_path / "again"))
    assert added(again, tmp_path / "more").model.revision == first.model.revision
    own = EmbeddingSettings("cls", 16, 32, normalise=False)
    (encoder / FILE).write_bytes(own.to_json())
    other = added(encoder, tmp_path / "other")
    assert settings_of(other, tmp_path / "other") == own
    assert other.model.revision != first.model.revision


def test_a_head_and_numbers_of_positions_are_no_part_of_it(encoder: Path, tmp_path: Path) -> None:
    weights = load_file(encoder / "model.safetensors")
    num_parameters = sum(one.numel() for one in weights.values())
    weights["embeddings.position_ids"] = torch.arange(64).unsqueeze(0)
    weights["pooler.dense.bias"] = torch.zeros(32)
    save_file(weights, encoder / "model.safetensors", {"format": "pt"})
    result = added(encoder, tmp_path / "out")
    assert (result.model.num_parameters, result.model.dtype) == (num_parameters, "float32")
    load(tmp_path / "out" / result.model.revision)


@pytest.mark.parametrize(
    ("pooling", "way"),
    [
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False}, "mean"),
    ],
)
def test_poolings(encoder: Path, tmp_path: Path, pooling: dict[str, Any], way: str) -> None:
    write_description(encoder, ("Transformer", "Pooling"), **pooling)
    settings = settings_of(added(encoder, tmp_path / "out"), tmp_path / "out")
    assert (settings.pooling, settings.normalise) == (way, False)


def of_two_ways(folder: Path) -> None:
    write_description(folder, pooling_mode_mean_tokens=True, pooling_mode_cls_token=True)


def with_a_dense_layer(folder: Path) -> None:
    write_description(folder, ("Transformer", "Pooling", "Dense"))


def without_a_layer(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "modules.json").unlink(), "nothing says how BertModel makes"),
        (lambda folder: shutil.rmtree(folder / "1_Pooling"), "1_Pooling/config.json is missing"),
        (lambda folder: (folder / "modules.json").write_text("{}"), "has to be a JSON list"),
        (lambda folder: (folder / FILE).write_text('{"pooling": "max"}'), f"{FILE} can't be read"),
        (
            lambda folder: (folder / FILE).write_bytes(EmbeddingSettings("cls", 9, 7).to_json()),
            "dimensions has to be 32",
        ),
        (
            lambda folder: (folder / FILE).write_bytes(EmbeddingSettings("cls", 99, 32).to_json()),
            "max_tokens has to be at most 64",
        ),
        (of_two_ways, "isn't known: known are mean, cls"),
        (with_a_dense_layer, "a module 'Dense', which isn't known"),
        (without_a_layer, r"the weights lack encoder\.layer\.0\.output\.dense\.weight"),
    ],
)
def test_what_is_wrong_leaves_nothing(
    encoder: Path, tmp_path: Path, harm: Callable[[Path], Any], reason: str
) -> None:
    harm(encoder)
    with pytest.raises(ValueError, match=reason):
        added(encoder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
