"""A GGUF becomes safetensors with its own weights, tokenizer, template and licence."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, LlamaForCausalLM

from base_models.add import add
from meguru.base_model import Source
from tests.unit.base_models.conftest import TEMPLATE, write_model

SOURCE = Source("gguf", "/models/tiny.gguf")
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in WHOLE:
        return f"{WHOLE[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{PARTS[part]}.weight"


def interleaved(weight: np.ndarray, num_heads: int) -> np.ndarray:
    """The order that GGUF has the rotary halves of a Llama's queries and keys in."""
    rows, columns = weight.shape
    halves = weight.reshape(num_heads, 2, rows // num_heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path: Path, model: LlamaForCausalLM, kind: str = "F16", **fields: int) -> None:
    config = model.config
    num_kv_heads = config.num_key_value_heads
    assert num_kv_heads is not None
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(num_kv_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type({"F32": 0, "F16": 1, "Q8_0": 7}[kind])
    writer.add_string("general.license", "apache-2.0")
    for name, value in fields.items():
        writer.add_uint16(name.replace("__", "."), value)
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<s>", "</s>", "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_merges(["a b"])
    writer.add_token_types([1] * 256 + [3, 3, 1])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in model.state_dict().items():
        weight = tensor.float().numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": num_kv_heads}
        for part, number in heads.items():
            weight = interleaved(weight, number) if part in name else weight
        if weight.ndim == 1 or kind == "F32":
            writer.add_tensor(gguf_name(name), weight)
        elif kind == "F16":
            writer.add_tensor(gguf_name(name), weight.astype(np.float16))
        else:
            packed = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.Q8_0)
            quantised = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name(name), packed, raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> LlamaForCausalLM:
    folder = tmp_path_factory.mktemp("original")
    write_model(folder)
    return LlamaForCausalLM.from_pretrained(folder)


# Half of float16's, bfloat16's and 8 bits' steps, for weights of up to 0.1.
@pytest.mark.parametrize(
    ("kind", "dtype", "error"),
    [("F32", "float32", 0.0), ("F16", "float16", 1e-4), ("Q8_0", "bfloat16", 2e-3)],
)
def test_the_weights_are_those_of_the_gguf(
    kind: str, dtype: str, error: float, original: LlamaForCausalLM, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    write_gguf(tmp_path / "in" / "tiny.gguf", original, kind)
    result = add(tmp_path / "in", tmp_path / "out", name="tiny", source=SOURCE).model
    place = tmp_path / "out" / result.revision
    assert (result.dtype, result.licence, result.has_chat_template) == (dtype, "Apache-2.0", True)
    assert result.num_parameters == original.num_parameters()
    loaded = LlamaForCausalLM.from_pretrained(place, dtype=torch.float32).state_dict()
    for name, tensor in original.state_dict().items():
        assert (loaded[name] - tensor).abs().max() <= error, name
    tokenizer = AutoTokenizer.from_pretrained(place)
    assert tokenizer.decode(tokenizer.encode("cab 円", add_special_tokens=False)) == "cab 円"
    assert not list(place.glob("*.gguf"))


def test_a_licence_that_a_person_says_stands_for_the_file_s(
    original: LlamaForCausalLM, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    write_gguf(tmp_path / "in" / "tiny.gguf", original)
    added = add(tmp_path / "in", tmp_path / "out", name="tiny", source=SOURCE, licence="MIT")
    assert added.model.licence == "MIT"
    assert added.model.num_parameters == original.num_parameters()


def refused(folder: Path, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        add(folder, folder / "out", name="tiny", source=SOURCE)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_a_cut_gguf_is_refused(original: LlamaForCausalLM, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(path, original)
    whole = path.read_bytes()
    for length in (0, 3, 40, 2000, len(whole) // 2, len(whole) - 500):
        path.write_bytes(whole[:length])
        refused(tmp_path, r"tiny.gguf is no whole GGUF file")
    path.write_bytes(b"not one at all" * 100)
    refused(tmp_path, r"tiny.gguf is no whole GGUF file")


def test_one_of_several_is_refused(original: LlamaForCausalLM, tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", original, split__count=3)
    refused(tmp_path, r"one of 3 parts: join them")
    (tmp_path / "more.gguf").write_bytes(b"")
    refused(tmp_path, r"2 GGUF files: give the one that is meant \(more.gguf, tiny.gguf\)")


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    refused(tmp_path, r"architecture 'mamba'; known in GGUF are llama")
