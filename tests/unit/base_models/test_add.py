"""A base model is what was brought, named by its content; what is wrong leaves nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from base_models.add import Added, add
from meguru.base_model import Source, verify
from meguru.model_hashes import MANIFEST
from tests.unit.base_models.conftest import write_model, write_tokenizer

SOURCE = Source("folder", "/models/tiny")


def added(folder: Path, output: Path, licence: str = "") -> Added:
    return add(folder, output, name="tiny", source=SOURCE, licence=licence)


def test_the_manifest_says_what_the_model_is(model: Path, tmp_path: Path) -> None:
    result = added(model, tmp_path / "out").model
    own = LlamaForCausalLM.from_pretrained(model)
    assert result.num_parameters == own.num_parameters() == result.shape.num_parameters
    assert (result.architecture, result.dtype) == ("LlamaForCausalLM", "float32")
    assert (result.licence, result.context_tokens) == ("Apache-2.0", 128)
    assert (result.shape.num_key_value_heads, result.shape.head_dim) == (2, 8)
    assert result.has_chat_template
    assert {"LICENSE.txt", "model.safetensors", "tokenizer.json"} <= {o.path for o in result.files}


def test_what_was_added_is_verified_and_loads(model: Path, tmp_path: Path) -> None:
    result = added(model, tmp_path / "out").model
    place = tmp_path / "out" / result.revision
    (place / MANIFEST).write_bytes(result.to_json())
    assert verify(place) == result
    before = LlamaForCausalLM.from_pretrained(model).state_dict()
    after = LlamaForCausalLM.from_pretrained(place).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_same_model_from_elsewhere_is_the_same_revision(model: Path, tmp_path: Path) -> None:
    first = added(model, tmp_path / "out").model
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    again = add(copy, tmp_path / "more", name="tiny", source=Source("s3", "s3://a/b/")).model
    assert again.revision == first.revision
    (copy / "generation_config.json").write_text('{"temperature": 0.5}')
    assert added(copy, tmp_path / "other").model.revision != first.revision


def test_shards_are_taken_as_the_index_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    write_model(folder, shard_size="40KB")
    write_tokenizer(folder)
    save_file({"w": torch.zeros(2)}, folder / "consolidated.safetensors")
    result = added(folder, tmp_path / "out")
    assert sum(one.path.startswith("model-") for one in result.model.files) > 1
    assert any("consolidated.safetensors" in note for note in result.notes)
    assert result.model.num_parameters == result.model.shape.num_parameters


def test_tied_weights_count_once_and_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    write_model(folder, tied=True)
    write_tokenizer(folder, chat_template=None)
    first = added(folder, tmp_path / "out")
    assert first.model.num_parameters == first.model.shape.num_parameters
    assert [note for note in first.notes if "tied" in note]
    assert [note for note in first.notes if "no chat template" in note]
    assert [note for note in first.notes if "licence is unknown" in note]
    assert first.model.licence == "unknown"
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, folder / "model.safetensors")
    twice = added(folder, tmp_path / "more").model
    assert twice.num_parameters == first.model.num_parameters


def test_a_licence_is_read_from_the_card_or_said(model: Path, tmp_path: Path) -> None:
    (model / "LICENSE").write_text("Do what the maker allows.")
    assert added(model, tmp_path / "a").model.licence == "see LICENSE"
    (model / "README.md").write_text("---\nlicense: other\nlicense_name: maker-1.0\n---\nHello")
    assert added(model, tmp_path / "b").model.licence == "maker-1.0"
    assert added(model, tmp_path / "c", licence="mit").model.licence == "MIT"


def _config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **values}))

    return change


def _lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: str = "x") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)

    return write


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _without(tensor: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        del tensors[tensor]
        save_file(tensors, folder / "model.safetensors")

    return change


def _quantised_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].to(torch.int8)
    save_file(tensors, folder / "model.safetensors")


def _lose_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    write_model(folder, shard_size="40KB")
    sorted(folder.glob("model-*.safetensors"))[1].unlink()


def _another_hash(folder: Path) -> None:
    out = folder.parent / "before"
    result = added(folder, out).model
    shutil.rmtree(folder)
    shutil.copytree(out / result.revision, folder)
    (folder / MANIFEST).write_bytes(result.to_json())
    (folder / "generation_config.json").write_text("{}")


BAD = {
    "pickle": (_write("pytorch_model.bin"), r"pytorch_model.bin is refused: .*save_pretrained"),
    "pickle below": (_write("original/model.pth"), r"original/model.pth is refused"),
    "code": (_write("modeling_tiny.py"), r"modeling_tiny.py is refused: .*never run"),
    "remote code": (_config(auto_map={"AutoModel": "m.M"}), r"auto_map: .*never run"),
    "tokenizer's code": (_write("tokenizer_config.json", '{"auto_map": {}}'), r"auto_map"),
    "architecture": (_config(architectures=["MambaForCausalLM"]), r"'MambaForCausalLM'; known are"),
    "no architecture": (_config(architectures=None), r"architecture None; known are"),
    "quantised": (_config(quantization_config={"quant_method": "gptq"}), r"quantised \(gptq\)"),
    "int8 tensor": (_quantised_tensor, r"model.norm.weight is of type I8"),
    "no config": (_lose("config.json"), r"no config.json"),
    "broken config": (_write("config.json", "{"), r"config.json is not JSON"),
    "no size": (_config(hidden_size=None), r"hidden_size has to be a whole number"),
    "odd size": (_config(num_attention_heads="4"), r"num_attention_heads has to be a whole"),
    "no weights": (_lose("model.safetensors"), r"no weights"),
    "cut weights": (_cut, r"model.safetensors is damaged"),
    "empty weights": (_write("model.safetensors", ""), r"model.safetensors is damaged"),
    "lost tensor": (_without("model.layers.1.mlp.up_proj.weight"), r"lack model.layers.1.mlp.up"),
    "not tied": (_without("lm_head.weight"), r"lm_head.weight is missing"),
    "another shape": (_config(intermediate_size=96), r"64 x 32, and config.json makes it 96 x 32"),
    "fewer layers": (_config(num_hidden_layers=1), r"the weights have model.layers.1"),
    "lost shard": (_lose_shard, r"a shard of model.safetensors.index.json is missing: model-"),
    "broken index": (_write("model.safetensors.index.json", "{}"), r"no weight_map"),
    "index that leaves": (
        _write("model.safetensors.index.json", '{"weight_map": {"a": "../a.safetensors"}}'),
        r"names '../a.safetensors'",
    ),
    "no tokenizer": (_lose("tokenizer.json"), r"no tokenizer.json"),
    "broken tokenizer": (_write("tokenizer.json", "{}"), r"tokenizer.json can't be read"),
    "small vocabulary": (_config(vocab_size=200), r"token id 258, and the model has 200"),
    "another hash": (_another_hash, r"generation_config.json is not the file that manifest"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_a_line_and_leaves_nothing(
    case: str, model: Path, tmp_path: Path
) -> None:
    spoil, said = BAD[case]
    spoil(model)
    with pytest.raises(ValueError, match=said) as refused:
        added(model, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_adapter_and_an_empty_folder_are_no_model(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    with pytest.raises(ValueError, match="there is no file"):
        added(folder, tmp_path / "out")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match="a LoRA adapter"):
        added(folder, tmp_path / "out")
