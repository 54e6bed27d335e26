"""The weights in .safetensors files: their headers, read without the tensors."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAX_HEADER_BYTES = 100 * 1024**2
# Bytes of one number, by the names of the safetensors format that a language model's weights have.
DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
# The numbers 0, 1, 2 and so on, which older encoders have among their weights.
POSITION_IDS = "position_ids"
DTYPE_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Tensor:
    file: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def read_tensors(paths: Iterable[Path]) -> dict[str, Tensor]:
    """Every tensor by its name; ValueError names a file that is damaged, or a tensor in two."""
    tensors: dict[str, Tensor] = {}
    for path in paths:
        for name, tensor in _read_header(path).items():
            if name in tensors:
                raise ValueError(f"the tensor {name} is in {tensors[name].file} and {path.name}")
            tensors[name] = tensor
    return tensors


def main_dtype(tensors: Iterable[Tensor]) -> str:
    """The type that most of the numbers have, as torch calls it."""
    counts: Counter[str] = Counter()
    for tensor in tensors:
        counts[tensor.dtype] += tensor.size
    return DTYPE_NAMES[counts.most_common(1)[0][0]]


def _read_header(path: Path) -> dict[str, Tensor]:
    """Source: safetensors' README, "Format": a length, JSON, and the tensors' bytes."""
    num_bytes = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, num_bytes - 8):
            raise ValueError(_damaged(path, "its header is not one of the safetensors format"))
        content = file.read(length)
    try:
        header = json.loads(content)
        entries = {name: one for name, one in header.items() if name != "__metadata__"}
        ends = [one["data_offsets"][1] for one in entries.values()]
        tensors = {
            name: Tensor(path.name, one["dtype"], tuple(map(int, one["shape"])))
            for name, one in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(_damaged(path, "its header can't be read")) from error
    if 8 + length + max(ends, default=0) != num_bytes:
        raise ValueError(_damaged(path, f"it has {num_bytes} bytes, and its header says others"))
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES and not name.endswith(POSITION_IDS):
            raise ValueError(
                f"{path.name}: {name} is of type {tensor.dtype}: bring the model's weights in "
                f"{', '.join(DTYPES)}, not quantised ones"
            )
    return tensors


def _damaged(path: Path, said: str) -> str:
    return f"{path.name} is damaged: {said}: copy it anew from where the model is from"
