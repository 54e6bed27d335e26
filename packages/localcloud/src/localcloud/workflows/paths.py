"""JSONPath as the Amazon States Language uses it: on data, on `$$` and on `$variables`."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

_ENVIRONMENT = JSONPathEnvironment(strict=True)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(.*)", re.DOTALL)
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]()*'"\s?@,:]+)"""
    r"""|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\["(?P<double>(?:[^"\\]|\\.)*)"\]"""
    r"""|\[(?P<index>\d+)\]"""
)


@dataclass(frozen=True)
class Data:
    """What a path can look at: `$`, the Context object `$$`, and variables."""

    root: Any
    context: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)


class PathNotFoundError(LookupError):
    """A path that names one value, which isn't there. `field` is where the path stands."""

    field = ""


class ResultPathMismatchError(ValueError):
    """A ResultPath that doesn't fit the input it writes into."""


@dataclass(frozen=True)
class Path:
    """A compiled path. `source` is `$`, `$$` or a variable's name."""

    text: str
    source: str
    query: JSONPath
    definite: bool

    def evaluate(self, data: Data) -> Any:
        """The value, or for a path that can match several the list of them."""
        found = self._findall(self.root(data))
        if not self.definite:
            return found
        if not found:
            raise PathNotFoundError(self.text)
        return found[0]

    def _findall(self, root: Any) -> list[Any]:
        # The library takes a text for a JSON document and would parse it.
        if isinstance(root, str):
            return [] if self.query.segments else [root]
        return list(self.query.findall(root))

    def root(self, data: Data) -> Any:
        """What the path begins at."""
        if self.source == "$":
            return data.root
        if self.source == "$$":
            return data.context
        if self.source not in data.variables:
            raise PathNotFoundError(self.text)
        return data.variables[self.source]


@lru_cache(maxsize=4096)
def compile_path(text: str) -> Path:
    """Compile a path; ValueError says what is wrong with it."""
    source, expression = _split_source(text)
    try:
        query = _ENVIRONMENT.compile(expression)
    except JSONPathError as error:
        raise ValueError(f"{text!r} is not a JSONPath: {str(error).splitlines()[0]}") from error
    if not isinstance(query, JSONPath):
        raise ValueError(f"{text!r} is not a single JSONPath")
    return Path(text, source, query, query.singular_query())


def _split_source(text: str) -> tuple[str, str]:
    if text.startswith("$$"):
        return "$$", text[1:]
    if variable := _VARIABLE.fullmatch(text):
        return variable[1], f"${variable[2]}"
    if text.startswith("$"):
        return "$", text
    raise ValueError(f"{text!r} is not a JSONPath: it must begin with '$'")


def evaluate(text: str, data: Data) -> Any:
    """Compile and evaluate a path. PathNotFoundError when it names one value that isn't there."""
    return compile_path(text).evaluate(data)


def why_missing(text: str, data: Data) -> str:
    """Why a path that names one value has none: where it ends in the data."""
    try:
        steps = reference_steps(_split_source(text)[1])
        shown, node = "$", compile_path(text).root(data)
    except (ValueError, PathNotFoundError):
        return f"No results for path: {text}"
    for position, step in enumerate(steps):
        shown += f"[{step}]" if isinstance(step, int) else f"['{step}']"
        if isinstance(node, dict) and step not in node and position < len(steps) - 1:
            return f"Missing property in path {shown}"
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return f"No results for path: {shown}"


@lru_cache(maxsize=1024)
def reference_steps(text: str) -> tuple[str | int, ...]:
    """The steps of a Reference Path on `$`, which names exactly one place; else ValueError."""
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            break
        steps.append(_step_value(step))
        position = step.end()
    if not text.startswith("$") or position < len(text):
        raise ValueError(f"{text!r} is not a Reference Path: write it like $.name or $['name'][0]")
    return tuple(steps)


def _step_value(step: re.Match[str]) -> str | int:
    if step["index"] is not None:
        return int(step["index"])
    quoted = step["single"] if step["single"] is not None else step["double"]
    return step["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def insert(document: Any, path: str, value: Any) -> Any:
    """A copy of `document` with `value` at the Reference Path, objects made where missing."""
    steps = reference_steps(path)
    if not steps:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for step in steps[:-1]:
        node = _descend(node, step, path)
    _put(node, steps[-1], value, path)
    return changed


def _descend(node: Any, step: str | int, path: str) -> Any:
    _require_place(node, step, path)
    return node.setdefault(step, {}) if isinstance(node, dict) else node[step]


def _put(node: Any, step: str | int, value: Any, path: str) -> None:
    _require_place(node, step, path)
    node[step] = value


def _require_place(node: Any, step: str | int, path: str) -> None:
    in_object = isinstance(step, str) and isinstance(node, dict)
    in_array = isinstance(step, int) and isinstance(node, list) and step < len(node)
    if not in_object and not in_array:
        raise ResultPathMismatchError(f"Unable to apply Reference Path {path} to the input")
