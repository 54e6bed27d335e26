"""Reads an environment file; what is wrong is refused with its file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stacks.environment.earlier_form import as_written, in_todays_form
from stacks.environment.file import InvalidEnvironment, line_of, read_document
from stacks.environment.refusals import sentence
from stacks.environment.settings import Environment

# Nobody reads more at a time.
MAX_COMPLAINTS = 20


def read_environment(path: Path) -> Environment:
    """Read and check an environment file.

    Raises InvalidEnvironment naming the file, the line, the key and what it has to be.
    """
    document, values = read_document(path)
    try:
        return Environment.model_validate(in_todays_form(values))
    except ValidationError as error:
        found = error.errors()
        lines = [_complaint(path, document, values, one) for one in found[:MAX_COMPLAINTS]]
        if more := len(found) - len(lines):
            lines.append(f"{path}: and {more} more")
        raise InvalidEnvironment("\n".join(lines)) from error


def _complaint(path: Path, document: Any, values: dict[str, Any], details: Any) -> str:
    # pydantic's last part for a key that is no text.
    keys = as_written([str(key) for key in details["loc"] if key != "[key]"], values)
    name = ".".join(key if key.isprintable() else repr(key) for key in keys)
    return f"{path}:{line_of(document, keys)}: {name or 'the file'}: {sentence(details)}"
