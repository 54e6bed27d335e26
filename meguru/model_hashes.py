"""Whether a model's files are those that were written: their SHA-256 in the folder's manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meguru.fingerprint import file_sha256

# A base model's manifest says more; the list of files is the same.
MANIFEST = "manifest.json"
# Beside weights in several files: which has which.
INDEX = "model.safetensors.index.json"
WEIGHTS = ".safetensors"


def write_hashes(folder: Path) -> None:
    """Put the manifest of all files of `folder` beside them, as the last one that is written."""
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "sha256": file_sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    ]
    text = json.dumps({"files": files}, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def check_hashes(folder: Path) -> bool:
    """ValueError names the first file that is not as the manifest says; False without a manifest.

    Weights that the manifest doesn't name are refused, too, and a manifest that names none.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    listed = {one["path"]: one for one in _listed(manifest)}
    names = {*listed, *_shards(folder)}
    for name in sorted(names):
        path, one = folder / name, listed.get(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{MANIFEST} is refused: {name!r} leaves its folder")
        if not path.is_file():
            raise ValueError(f"{name} is missing")
        if one and (path.stat().st_size != one["bytes"] or file_sha256(path) != one["sha256"]):
            raise ValueError(f"{name} is not the file that {MANIFEST} lists: it was changed or cut")
    for path in sorted(folder.rglob(f"*{WEIGHTS}")):
        if path.relative_to(folder).as_posix() not in listed:
            raise ValueError(f"{path.relative_to(folder)} is refused: {MANIFEST} doesn't list it")
    if not any(name.endswith(WEIGHTS) for name in listed):
        raise ValueError(f"no {WEIGHTS} file is in {MANIFEST}")
    return True


def _shards(folder: Path) -> set[str]:
    """The weight files that the index names, where there is one."""
    index = folder / INDEX
    if not index.is_file():
        return set()
    try:
        return {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{INDEX} doesn't say which weights are in which file") from error


def _listed(manifest: Path) -> list[dict[str, Any]]:
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        wanted: list[dict[str, Any]] = [
            {"path": str(one["path"]), "sha256": one["sha256"], "bytes": one["bytes"]}
            for one in files
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{MANIFEST} is not a list of files with their SHA-256") from error
    return wanted
