"""The environment file as YAML: its values, and the line on which each key stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

# YAML reads more as numbers: 010 is 8, 1:30 is 90, 0x10 is 16.
_DECIMAL = re.compile(
    r"[-+]?(0|[1-9][0-9_]*)|[-+]?[0-9][0-9_]*\.[0-9]*([eE][-+]?[0-9]+)?|[-+]?\.\S+"
)
_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class InvalidEnvironment(ValueError):
    """What is wrong in an environment file: one line for each key, with its place."""


def read_document(path: Path) -> tuple[Any, dict[str, Any]]:
    """The file's nodes and its values; InvalidEnvironment where it isn't one of keys and values."""
    try:
        text = path.read_text("utf-8")
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise InvalidEnvironment(
            f"{path}: there is no such environment file, see environments/ ({error.strerror})"
        ) from error
    except yaml.MarkedYAMLError as error:
        raise InvalidEnvironment(_syntax_complaint(path, error)) from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: bytes that are no text, a date that no calendar has.
        raise InvalidEnvironment(f"{path}: not a YAML file: {error}") from error
    _refuse_repeated_keys(path, document)
    _refuse_surprising_numbers(path, document, [])
    if not isinstance(values, dict):
        raise InvalidEnvironment(
            f"{path}: an environment file has keys and values, see environments/"
        )
    return document, values


def line_of(node: Any, keys: list[str]) -> int:
    """The line of the deepest of `keys` that the document has."""
    line: int = node.start_mark.line + 1
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and key.isdecimal():
            node = node.value[int(key)]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        found = [pair for pair in node.value if pair[0].value == key]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


def _syntax_complaint(path: Path, error: yaml.MarkedYAMLError) -> str:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return f"{path}:{line}: not YAML: {error.problem or error.context}"


def _refuse_repeated_keys(path: Path, node: Any) -> None:
    """YAML's reader would take the last of them and say nothing."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            line = key.start_mark.line + 1
            raise InvalidEnvironment(f"{path}:{line}: {key.value}: this key stands here twice")
        seen.add(key.value)
        _refuse_repeated_keys(path, value)


def _refuse_surprising_numbers(path: Path, node: Any, keys: list[str]) -> None:
    """What YAML takes for a number of another value than a person reads."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_surprising_numbers(path, item, keys)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _refuse_surprising_numbers(path, key, keys)
            _refuse_surprising_numbers(path, value, [*keys, str(key.value)])
    is_number = isinstance(node, yaml.ScalarNode) and node.tag in _NUMBER_TAGS
    if is_number and not _DECIMAL.fullmatch(node.value):
        meant = yaml.safe_load(node.value)
        raise InvalidEnvironment(
            f"{path}:{node.start_mark.line + 1}: {'.'.join(keys)}: YAML reads {node.value} as "
            f"{meant}: write a decimal number, or text in quotation marks"
        )
