"""A checkpoint's files: for each rank its share of the state as safetensors; the manifest last.

They are storage for torch.distributed.checkpoint. Its own writers keep a pickle beside the tensors,
or hold a file's bytes in memory before they write it; here nothing can be executed and everything
is streamed, the hash as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch.distributed.checkpoint._hf_utils import CUSTOM_METADATA_KEY, SAVED_OFFSETS_KEY
from torch.distributed.checkpoint.filesystem import FileSystem
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import StorageWriter, WriteResult
from torch.futures import Future

from meguru.fingerprint import file_sha256

FORMAT = 2
MANIFEST = "manifest.json"
_FILE = re.compile(r"rank-\d{5}\.safetensors")
_PIECE_BYTES = 16 << 20
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write: `path` holds all of it once the context ends, else what it held before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomically(path: Path, content: bytes) -> None:
    """Write so that `path` holds either all of `content` or what it held before."""
    with replacing(path) as file:
        file.write(content)


@dataclass(frozen=True)
class File:
    """What the manifest says of one file."""

    name: str
    sha256: str
    bytes: int

    def is_intact(self, folder: Path) -> bool:
        """Whether the file is there as it was written; it is read in pieces."""
        try:
            if (folder / self.name).stat().st_size != self.bytes:
                return False
            return file_sha256(folder / self.name) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class Manifest:
    """What makes a folder a checkpoint: its step, its files, and what isn't a tensor."""

    step: int
    files: tuple[File, ...]
    progress: dict[str, Any]

    def write(self, folder: Path) -> None:
        content = {
            "format": FORMAT,
            "step": self.step,
            "files": [asdict(one) for one in self.files],
            "progress": self.progress,
        }
        write_atomically(folder / MANIFEST, json.dumps(content, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """None where there is none, or not one of ours: what isn't known isn't believed."""
        try:
            content = json.loads((folder / MANIFEST).read_bytes())
            if content["format"] != FORMAT:
                return None
            files = tuple(
                File(str(one["name"]), str(one["sha256"]), int(one["bytes"]))
                for one in content["files"]
            )
            found = cls(int(content["step"]), files, dict(content["progress"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if files and all(_FILE.fullmatch(one.name) for one in files) else None


class ShardWriter(StorageWriter):
    """Writes the ranks' files of one step; the coordinator writes the manifest after all of them.

    `progress` is what the manifest carries, on the first rank.
    """

    def __init__(self, folder: Path, step: int, progress: Mapping[str, Any]) -> None:
        self._folder, self._step, self._progress = folder, step, dict(progress)
        self._rank = 0

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        pass

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        self._rank = int(kwargs["rank"])

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        self._folder.mkdir(parents=True, exist_ok=True)
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        return plans

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        tensors = {}
        for one in plan.items:
            tensor = planner.resolve_data(one)
            assert isinstance(tensor, torch.Tensor) and one.index.fqn not in tensors
            tensors[one.index.fqn] = tensor
        offsets = {one.index.fqn: tuple(one.index.offset or ()) for one in plan.items}
        done: Future[list[WriteResult]] = Future()
        if tensors:
            file = write_tensors(
                self._folder / f"rank-{self._rank:05d}.safetensors", tensors, offsets
            )
            done.set_result([WriteResult(one.index, 0, file) for one in plan.items])
        else:
            done.set_result([])
        return done

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        files = {one.storage_data.name: one.storage_data for rank in results for one in rank}
        Manifest(self._step, tuple(files.values()), self._progress).write(self._folder)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return True


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], offsets: Mapping[str, Sequence[int]]
) -> File:
    """Write CPU tensors as safetensors, a piece at a time.

    `offsets` says where each lies in its whole tensor, as HuggingFaceStorageReader reads it.
    """
    digest = hashlib.sha256()
    with replacing(path) as file:
        for piece in _pieces(tensors, offsets):
            file.write(piece)
            digest.update(piece)
        num_bytes = file.tell()
    return File(path.name, digest.hexdigest(), num_bytes)


def _pieces(
    tensors: Mapping[str, torch.Tensor], offsets: Mapping[str, Sequence[int]]
) -> Iterator[bytes | memoryview]:
    header = _header(tensors, offsets)
    yield len(header).to_bytes(8, "little")
    yield header
    for tensor in tensors.values():
        data = tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data
        for start in range(0, len(data), _PIECE_BYTES):
            yield data[start : start + _PIECE_BYTES]


def _header(tensors: Mapping[str, torch.Tensor], offsets: Mapping[str, Sequence[int]]) -> bytes:
    places = {
        name: {SAVED_OFFSETS_KEY: list(offsets[name]) or [0] * tensor.dim()}
        for name, tensor in tensors.items()
    }
    content: dict[str, Any] = {"__metadata__": {CUSTOM_METADATA_KEY: json.dumps(places)}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        content[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    header = json.dumps(content).encode()
    return header + b" " * (-len(header) % 8)


class ShardReader(HuggingFaceStorageReader):
    """Reads what the manifest names, and no other file that may lie in the folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(path=str(folder))
        self.fs = _Listed([str(folder / one.name) for one in manifest.files])


class _Listed(FileSystem):
    def __init__(self, paths: list[str]) -> None:
        self._paths = paths

    def ls(self, path: str | os.PathLike[str]) -> list[str]:
        return self._paths
