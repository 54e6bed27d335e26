"""Which files of a folder make a base model: weights in safetensors, a tokenizer, a licence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
TOKENIZER = "tokenizer.json"
# Reading one of these runs what it says: none of them is opened, or kept.
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5")
CODE = (".py", ".pyc", ".so", ".dll", ".exe", ".sh")
KEPT = (
    CONFIG,
    INDEX,
    TOKENIZER,
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "README.md",
    "embedding.json",
)
# What sentence-transformers says of an encoder: read, and not kept as it is.
DESCRIPTION = re.compile(
    r"modules\.json|sentence_bert_config\.json|config_sentence_transformers\.json"
    r"|\w+/config\.json",
    re.ASCII,
)
LICENCE_FILE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|USE_POLICY|TERMS)", re.IGNORECASE)
# A file's name within a base model: it becomes a key of the lake.
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class SourceFiles:
    """What is taken of a folder, each path by the name it gets, and the names of what isn't.

    `description` is only read.
    """

    taken: dict[str, Path]
    description: list[Path]
    left_out: list[str]

    @property
    def weights(self) -> list[Path]:
        return [path for name, path in self.taken.items() if name.endswith(".safetensors")]

    @property
    def licences(self) -> list[Path]:
        return [path for name, path in self.taken.items() if LICENCE_FILE.match(name)]


def files_of(folder: Path) -> list[Path]:
    """All files below a folder, sorted; ValueError where it has none."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    if not found:
        raise ValueError("there is no file: give the folder that has the model's config.json")
    return found


def choose_files(folder: Path) -> SourceFiles:
    """The files of the model in `folder`.

    ValueError names what must not be there, or what is missing, and says what to do.
    """
    files = files_of(folder)
    for path in files:
        _refuse_executed(path.relative_to(folder).as_posix(), path)
    if (folder / "adapter_config.json").exists() and not (folder / CONFIG).exists():
        raise ValueError(
            "this is a LoRA adapter, not a model: add the base model that adapter_config.json names"
        )
    if not (folder / CONFIG).is_file():
        raise ValueError(f"there is no {CONFIG}: give the folder that has it, with its weights")
    weights = _weight_names(folder)
    taken, description, left_out = {}, [], []
    for path in files:
        name = path.relative_to(folder).as_posix()
        if name in weights or name in KEPT:
            taken[name] = path
        elif path.parent == folder and LICENCE_FILE.match(name):
            # With an ending, by which everybody who reads the folder sees that it is text.
            taken[name if path.suffix in (".txt", ".md") else f"{name}.txt"] = path
        elif DESCRIPTION.fullmatch(name):
            description.append(path)
        else:
            left_out.append(name)
    return SourceFiles(taken, description, left_out)


def read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object; ValueError names the file where it isn't one."""
    values = _load(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path.name} has to be a JSON object, not a {type(values).__name__}")
    return values


def read_list(path: Path) -> list[Any]:
    """A file's JSON list; ValueError names the file where it isn't one."""
    values = _load(path)
    if not isinstance(values, list):
        raise ValueError(f"{path.name} has to be a JSON list, not a {type(values).__name__}")
    return values


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error


def _weight_names(folder: Path) -> list[str]:
    """The files with the weights: those the index names, else the only one there is."""
    if (folder / INDEX).is_file():
        return _indexed(folder)
    found = sorted(path.name for path in folder.glob("*.safetensors"))
    if SINGLE in found:
        return [SINGLE]
    if found:
        raise ValueError(
            f"there is neither {SINGLE} nor {INDEX}, which says what is in {', '.join(found[:3])}: "
            "add the index, or save the model anew with save_pretrained"
        )
    raise ValueError("there are no weights: a base model has them in .safetensors files")


def _indexed(folder: Path) -> list[str]:
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{INDEX} has no weight_map: copy it anew from where the model is from")
    names = sorted({str(name) for name in places.values()})
    for name in names:
        if not _NAME.fullmatch(name) or not name.endswith(".safetensors"):
            raise ValueError(f"{INDEX} names {name!r}, which is no .safetensors file beside it")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        of = f"{len(missing)} of {len(names)} shards" if len(missing) > 1 else "a shard"
        raise ValueError(
            f"{of} of {INDEX} is missing: {', '.join(missing[:3])}: copy what is missing, and add "
            "the model again"
        )
    return names


def _refuse_executed(name: str, path: Path) -> None:
    if path.is_symlink():
        raise ValueError(f"{name} is a link: copy the file itself to its place")
    if path.suffix.lower() in CODE:
        said = "a model's own code is never run: take it out, if the model is of a known kind"
    elif path.suffix.lower() in PICKLES:
        said = (
            "such a file can run code when it is read. Take it out where .safetensors files have "
            "the same weights; else save the model with save_pretrained, which writes those"
        )
    else:
        return
    raise ValueError(f"{name} is refused: {said}")
