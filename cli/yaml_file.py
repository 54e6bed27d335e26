"""A YAML file that a person writes for a command: read into its settings, or refused by line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stacks.environment.file import line_of, read_document
from stacks.environment.loader import MAX_BYTES
from stacks.environment.refusals import sentence

Settings = TypeVar("Settings", bound=BaseModel)


def read_yaml(
    path: Path,
    settings: type[Settings],
    *,
    what: str,
    see: str,
    allowed: str = "",
    max_bytes: int = MAX_BYTES,
    hidden: Collection[str] = (),
) -> Settings:
    """The file's settings; ValueError has a line for each thing that is wrong, with its place.

    `what`, `see`, `allowed` and `max_bytes` as read_document has them. What stands at `hidden` keys
    may be a secret, and is in no error.
    """
    document, values = read_document(path, allowed=allowed, what=what, see=see, max_bytes=max_bytes)
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        lines = []
        for one in error.errors():
            keys = [str(key) for key in one["loc"] if key != "[key]"]
            name = ".".join(keys) or "the file"
            said = sentence(one, shows_value=not set(hidden) & set(keys))
            lines.append(f"{path}:{line_of(document, keys)}: {name}: {said}")
        raise ValueError("\n".join(lines)) from error
