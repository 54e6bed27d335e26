"""How an encoder makes a vector of a text, as sentence-transformers' files beside it say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base_models.source_files import CONFIG, read_json, read_list
from meguru.embedding_request import MAX_TEXT_TOKENS, PASSAGE, QUERY
from meguru.embedding_settings import FILE, POOLINGS, EmbeddingSettings

MODULES = "modules.json"
# What is done to what the encoder makes of a text, by the ends of the classes' names.
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
# By the names that sentence-transformers gives the words before what is found.
INPUT_TYPES = {"query": QUERY, "passage": PASSAGE, "document": PASSAGE, "corpus": PASSAGE}
# Before they count, these leave out as many positions as the padding's number, and one.
_OFFSET = ("RobertaModel", "XLMRobertaModel")


def read_settings(folder: Path, config: Mapping[str, Any]) -> EmbeddingSettings:
    """How the encoder in `folder` is used; ValueError where nothing says it, or not in a known way.

    An embedding.json that is there counts before all else.
    """
    if (folder / FILE).is_file():
        settings = EmbeddingSettings.parse((folder / FILE).read_bytes())
    else:
        settings = _of_modules(folder, config)
        settings.check()
    if settings.dimensions != config["hidden_size"]:
        raise ValueError(
            f"{FILE}: dimensions has to be {config['hidden_size']}, as in {CONFIG}, not "
            f"{settings.dimensions}"
        )
    if settings.max_tokens > (positions := _num_positions(config)):
        raise ValueError(f"{FILE}: max_tokens has to be at most {positions}, as in {CONFIG}")
    return settings


def _of_modules(folder: Path, config: Mapping[str, Any]) -> EmbeddingSettings:
    if not (folder / MODULES).is_file():
        example = EmbeddingSettings("mean", _num_positions(config), config["hidden_size"])
        raise ValueError(
            f"nothing says how {config['architectures'][0]} makes a vector: bring {MODULES} and "
            f"the pooling's config.json, or write {FILE} beside the weights, such as "
            f"{example.to_json().decode().strip()}"
        )
    modules = [one for one in read_list(folder / MODULES) if isinstance(one, dict)]
    kinds = [str(one.get("type", "")).rpartition(".")[2] for one in modules]
    for kind in kinds:
        if kind not in KNOWN_MODULES:
            raise ValueError(
                f"{MODULES} has a module {kind!r}, which isn't known here: known are "
                + ", ".join(KNOWN_MODULES)
            )
    if kinds.count("Pooling") != 1:
        raise ValueError(f"{MODULES} has {kinds.count('Pooling')} poolings, and one is needed")
    place = str(modules[kinds.index("Pooling")].get("path", ""))
    return EmbeddingSettings(
        pooling=_pooling(folder, place),
        max_tokens=_max_tokens(folder, config),
        dimensions=config["hidden_size"],
        normalise="Normalize" in kinds,
        can_shorten=bool(config.get("is_matryoshka") or config.get("matryoshka_dimensions")),
        prompts=_prompts(folder),
    )


def _pooling(folder: Path, place: str) -> str:
    name = f"{place}/config.json"
    if place in ("", ".", "..") or "/" in place or not (folder / name).is_file():
        raise ValueError(f"{name} is missing, which says how {MODULES}' pooling is done")
    values = read_json(folder / name)
    ways = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
    modes = [one for one, value in values.items() if one.startswith("pooling_mode_") and value]
    found = [values.get("pooling_mode")] if values.get("pooling_mode") else modes
    for way, mode in ways.items():
        if found in ([way], [mode]):
            return way
    raise ValueError(f"{name}: a pooling by {found} isn't known: known are {', '.join(POOLINGS)}")


def _num_positions(config: Mapping[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings") or MAX_TEXT_TOKENS)
    if config["architectures"][0] in _OFFSET:
        positions -= int(config.get("pad_token_id", 1)) + 1
    return min(positions, MAX_TEXT_TOKENS)


def _max_tokens(folder: Path, config: Mapping[str, Any]) -> int:
    path = folder / "sentence_bert_config.json"
    said = read_json(path).get("max_seq_length") if path.is_file() else None
    positions = _num_positions(config)
    return min(said, positions) if isinstance(said, int) else positions


def _prompts(folder: Path) -> dict[str, str]:
    path = folder / "config_sentence_transformers.json"
    given = (read_json(path).get("prompts") if path.is_file() else None) or {}
    found = {INPUT_TYPES[name]: text for name, text in given.items() if name in INPUT_TYPES}
    return {name: text for name, text in found.items() if text}
