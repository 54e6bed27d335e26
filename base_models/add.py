"""Makes a base model of a folder: everything is checked before anything is written."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from base_models.encoder import read_settings
from base_models.gguf_model import convert
from base_models.licence import find_licence, spdx
from base_models.model_files import (
    check_config,
    check_encoder_weights,
    check_tokenizer,
    check_weights,
    measure_template,
)
from base_models.source_files import (
    CONFIG,
    LICENCE_FILE,
    SourceFiles,
    choose_files,
    files_of,
    read_json,
)
from base_models.weights import main_dtype, read_tensors
from meguru.base_model import (
    ENCODERS,
    UNKNOWN_LICENCE,
    BaseModel,
    Shape,
    Source,
    hash_file,
    revision_of,
    verify,
)
from meguru.embedding_settings import FILE, EmbeddingSettings
from meguru.model_hashes import MANIFEST


@dataclass(frozen=True)
class Added:
    """A base model, with what a person should know of it, a line each."""

    model: BaseModel
    notes: list[str]


def add(folder: Path, output: Path, *, name: str, source: Source, licence: str = "") -> Added:
    """Make the base model `name` of `folder`, in `output/REVISION/`; `licence` where a person says.

    `folder` has a model's files or one GGUF. ValueError says what is wrong, and nothing is written.
    """
    with tempfile.TemporaryDirectory(prefix="base-model-") as scratch:
        said = licence
        if gguf := _gguf_of(folder):
            its_own = _convert(gguf, folder, Path(scratch))
            said = said or its_own
            folder = Path(scratch)
        elif (folder / MANIFEST).is_file() and b'"num_parameters"' in _read(folder / MANIFEST):
            # Copied from a lake: it has to be what it was there.
            verify(folder)
        chosen = choose_files(folder)
        _say_how_vectors_are_made(folder, chosen, Path(scratch))
        added = _describe(folder, chosen, name=name, source=source, licence=said)
        place = output / added.model.revision
        place.mkdir(parents=True)
        for file_name, path in chosen.taken.items():
            shutil.copyfile(path, place / file_name)
    return added


def _describe(
    folder: Path, chosen: SourceFiles, *, name: str, source: Source, licence: str
) -> Added:
    config = read_json(folder / CONFIG)
    architecture = check_config(config)
    shape = Shape.from_config(config)
    tensors = read_tensors(chosen.weights)
    has_chat_template = check_tokenizer(folder, shape.vocab_size)
    if architecture in ENCODERS:
        num_parameters = check_encoder_weights(folder, tensors)
    else:
        num_parameters = check_weights(folder, shape, tensors)
    files = tuple(
        sorted(
            (replace(hash_file(path), path=name) for name, path in chosen.taken.items()),
            key=lambda one: one.path,
        )
    )
    model = BaseModel(
        name=name,
        revision=revision_of(files),
        source=source,
        licence=spdx(licence) or find_licence(chosen.taken.get("README.md"), chosen.licences),
        architecture=architecture,
        num_parameters=num_parameters,
        dtype=main_dtype(tensors.values()),
        context_tokens=int(config.get("max_position_embeddings") or 0),
        has_chat_template=has_chat_template,
        template_tokens=measure_template(folder) if has_chat_template else "",
        shape=shape,
        files=files,
    )
    return Added(model, _notes(model, chosen))


def _say_how_vectors_are_made(folder: Path, chosen: SourceFiles, scratch: Path) -> None:
    """An encoder's own file with it, whatever said it before."""
    config = read_json(folder / CONFIG)
    if check_config(config) not in ENCODERS:
        return
    Shape.from_config(config)
    place = scratch / FILE
    place.write_bytes(read_settings(folder, config).to_json())
    chosen.taken[FILE] = place


def _notes(model: BaseModel, chosen: SourceFiles) -> list[str]:
    notes = []
    if model.kind == "embedding":
        settings = EmbeddingSettings.parse(chosen.taken[FILE].read_bytes())
        words = ", ".join(f"{text!r} before a {name}" for name, text in settings.prompts.items())
        notes.append(
            f"an embedding model: {settings.dimensions} numbers by {settings.pooling} pooling of "
            f"at most {settings.max_tokens} tokens; {words or 'no words before any text'}"
        )
    elif not model.has_chat_template:
        notes.append("it has no chat template: training and serving use the kit's own")
    if not chosen.licences:
        found = (
            f"{model.licence} is said elsewhere"
            if model.licence != UNKNOWN_LICENCE
            else ("its licence is unknown: say it with --licence")
        )
        notes.append(f"it has no licence file; {found}")
    if model.kind == "text" and model.shape.tie_word_embeddings:
        notes.append("its output is tied to its input's embeddings: they are trained as one")
    if chosen.left_out:
        few = ", ".join(chosen.left_out[:5])
        more = f" and {len(chosen.left_out) - 5} more" if len(chosen.left_out) > 5 else ""
        notes.append(f"left out, as no part of it: {few}{more}")
    return notes


def _gguf_of(folder: Path) -> Path | None:
    """The GGUF file of a folder that has nothing else that is a model."""
    found = [path for path in files_of(folder) if path.suffix == ".gguf"]
    if not found or (folder / CONFIG).exists():
        return None
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise ValueError(f"there are {len(found)} GGUF files: give the one that is meant ({names})")
    if found[0].is_symlink():
        raise ValueError(f"{found[0].name} is a link: give the file itself")
    return found[0]


def _convert(gguf: Path, folder: Path, scratch: Path) -> str:
    """The GGUF's model in `scratch`, with the licence beside it; the licence's name."""
    facts = convert(gguf, scratch)
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink() and LICENCE_FILE.match(path.name):
            shutil.copyfile(path, scratch / path.name)
    return facts.licence


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2**20)
