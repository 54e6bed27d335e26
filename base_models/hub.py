"""A model from a hub at one commit: its files' hashes are checked, and nothing else is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from base_models.source_files import (
    CONFIG,
    DESCRIPTION,
    INDEX,
    KEPT,
    LICENCE_FILE,
    SINGLE,
    read_json,
)
from meguru.base_model import hash_file

_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(repository: str, commit: str, folder: Path, endpoint: str | None = None) -> None:
    """Fetch what makes a base model of `repository` at `commit` into `folder`.

    ValueError says what the hub refused, what is missing there, or what arrived changed.
    """
    if not _COMMIT.fullmatch(commit):
        raise ValueError(
            f"{repository} needs the commit to take it at, 40 hexadecimal digits (it is "
            f"{commit!r}): a branch or a tag can be another model tomorrow"
        )
    api = HfApi(endpoint=endpoint, token=False)
    try:
        listed = api.model_info(repository, revision=commit, files_metadata=True).siblings or []
        hashes = {one.rfilename: one.lfs.sha256 if one.lfs else None for one in listed}
        for name in _chosen(hashes):
            _fetch(api, repository, commit, name, folder, hashes[name])
        if (folder / INDEX).is_file():
            for name in _shards(folder, hashes):
                _fetch(api, repository, commit, name, folder, hashes[name])
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise ValueError(f"{repository} at {commit[:12]}: {_reason(error)}") from error


def _chosen(names: Iterable[str]) -> list[str]:
    """What is fetched first: the small files, with the weights where they are in one file."""
    there = list(names)
    if CONFIG not in there:
        ggufs = [name for name in there if name.endswith(".gguf") and "/" not in name]
        licences = [name for name in there if LICENCE_FILE.match(name)]
        if len(ggufs) == 1:
            return ggufs + licences
        raise ValueError(
            f"there is no {CONFIG}"
            + (
                f", and there are {len(ggufs)} GGUF files: download the one that is meant, and add "
                "the file"
                if ggufs
                else ": it is no model that transformers reads"
            )
        )
    if INDEX not in there and SINGLE not in there:
        raise ValueError("there are no weights in .safetensors files; others can run code")
    weights = [] if INDEX in there else [SINGLE]
    kept = [
        name
        for name in there
        if name in KEPT
        or DESCRIPTION.fullmatch(name)
        or ("/" not in name and LICENCE_FILE.match(name))
    ]
    return kept + weights


def _shards(folder: Path, hashes: dict[str, str | None]) -> list[str]:
    names = sorted(set(read_json(folder / INDEX).get("weight_map", {}).values()))
    missing = [name for name in names if name not in hashes]
    if missing:
        raise ValueError(f"a shard of {INDEX} is missing: {', '.join(missing[:3])}")
    return names


def _fetch(
    api: Any, repository: str, commit: str, name: str, folder: Path, sha256: str | None
) -> None:
    api.hf_hub_download(repository, name, revision=commit, local_dir=folder)
    if sha256 is not None and hash_file(folder / name).sha256 != sha256:
        raise ValueError(f"{name} arrived with another SHA-256 than the hub says: add it again")


def _reason(error: Exception) -> str:
    if isinstance(error, GatedRepoError):
        return (
            "its owner asks for an account: download it yourself, and add the folder (on the hub, "
            "its page says how to ask)"
        )
    if isinstance(error, RevisionNotFoundError):
        return "the hub has no such commit of it"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such model, or a private one: download it, and add the folder"
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, OSError | httpx2.HTTPError):
        return f"the hub could not be reached ({line}): download it, and add the folder"
    return line
