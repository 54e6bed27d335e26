"""The environment file as YAML: its values, and the line on which each key stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stacks.environment.loader import MAX_BYTES, Loader, Refused
from stacks.environment.surprises import refuse_surprises


class InvalidEnvironment(ValueError):
    """What is wrong in an environment file: one line for each key, with its place."""


def read_document(
    path: Path,
    *,
    allowed: str = "",
    what: str = "an environment file",
    see: str = "environments/",
    max_bytes: int = MAX_BYTES,
) -> tuple[Any, dict[str, Any]]:
    """The file's nodes and its values; InvalidEnvironment where it isn't one of keys and values.

    `allowed` are the control characters that its texts may have. `what` the file is, and where to
    `see` one, is for the person who is told what is wrong.
    """
    text = _read_text(path, what, see, max_bytes)
    try:
        loader = Loader(text)
        document = loader.get_single_node()
        refuse_surprises(document, allowed=allowed)
        values = None if document is None else loader.construct_document(document)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        said = f"the character U+{error.character:04X} can't stand in YAML: take it out"
        raise InvalidEnvironment(f"{path}:{line}: {said}") from error
    except Refused as error:
        raise InvalidEnvironment(f"{path}:{_line(error.problem_mark)}: {error.problem}") from error
    except yaml.MarkedYAMLError as error:
        raise InvalidEnvironment(_syntax_complaint(path, error)) from error
    if not isinstance(values, dict):
        line = 1 if document is None else _line(document.start_mark)
        raise InvalidEnvironment(f"{path}:{line}: {what} has keys and values, see {see}")
    return document, values


def line_of(node: Any, keys: list[str]) -> int:
    """The line of the deepest of `keys` that the document has."""
    line = _line(node.start_mark)
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and key.isdecimal():
            node = node.value[int(key)]
            line = _line(node.start_mark)
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        found = [pair for pair in node.value if pair[0].value == key]
        if not found:
            break
        # What was merged from elsewhere comes before the mapping's own.
        line, node = _line(found[-1][0].start_mark), found[-1][1]
    return line


def _read_text(path: Path, what: str, see: str, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        said = f"there is no such file: give {what}, see {see}"
        raise InvalidEnvironment(f"{path}: {said}") from error
    except OSError as error:
        said = f"{what} can't be read here, see {see} ({error.strerror})"
        raise InvalidEnvironment(f"{path}: {said}") from error
    if len(content) > max_bytes:
        raise InvalidEnvironment(f"{path}:1: {what} has at most {max_bytes} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidEnvironment(f"{path}:{line}: not UTF-8 text: save it as UTF-8") from error


def _line(mark: Any) -> int:
    line: int = mark.line + 1
    return line


def _syntax_complaint(path: Path, error: yaml.MarkedYAMLError) -> str:
    line = _line(error.problem_mark)
    said = ", ".join(part for part in (error.context, error.problem) if part)[:200]
    begins = _line(error.context_mark) if error.context_mark else line
    since = f", in what begins on line {begins}" if begins != line else ""
    return f"{path}:{line}: not YAML: {said}{since}"
