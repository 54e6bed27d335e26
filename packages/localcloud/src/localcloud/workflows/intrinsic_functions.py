"""The intrinsic functions of JSONPath states, as AWS documents them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError
from localcloud.workflows.intrinsic_parser import Argument, Call, Literal, parse
from localcloud.workflows.paths import Data, Path

MAX_ARRAY = 1000
MAX_TEXT = 10_000
HASH_ALGORITHMS = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


class BadArgumentError(ValueError):
    """An argument that the function doesn't take."""


def evaluate(text: str, data: Data) -> Any:
    """Evaluate `States.…(…)`; States.IntrinsicFailure when an argument doesn't fit."""
    try:
        return _evaluate(parse(text), data)
    except BadArgumentError as error:
        raise StateError(
            "States.IntrinsicFailure", f"The function '{text}' failed: {error}"
        ) from error


def check(text: str) -> None:
    """ValueError unless the text is a call of known functions with a fitting argument count."""
    _check(parse(text))


def _check(argument: Argument) -> None:
    if not isinstance(argument, Call):
        return
    function = FUNCTIONS.get(argument.name)
    if function is None:
        raise ValueError(f"{argument.name} is not an intrinsic function")
    if not function.takes(len(argument.arguments)):
        raise ValueError(f"{argument.name} doesn't take {len(argument.arguments)} arguments")
    for inner in argument.arguments:
        _check(inner)


def _evaluate(argument: Argument, data: Data) -> Any:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Path):
        return argument.evaluate(data)
    _check(argument)
    values = [_evaluate(inner, data) for inner in argument.arguments]
    if argument.name != "States.Format":
        values = [
            _unescape(value) if isinstance(inner, Literal) else value
            for inner, value in zip(argument.arguments, values, strict=True)
        ]
    return FUNCTIONS[argument.name].apply(*values)


def _unescape(value: Any) -> Any:
    return re.sub(r"\\([{}])", r"\1", value) if isinstance(value, str) else value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadArgumentError("expected an array")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not json_values.is_integer(value):
        raise BadArgumentError("expected an integer")
    return value


def _rounded(value: Any) -> int:
    """The nearest integer; a half goes up, also below zero: -1.5 is -1."""
    if not json_values.is_number(value):
        raise BadArgumentError("expected a number")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def _text(value: Any, limit: int | None = None) -> str:
    if not isinstance(value, str):
        raise BadArgumentError("expected a string")
    if limit is not None and len(value) > limit:
        raise BadArgumentError(f"the string has more than {limit} characters")
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json_values.to_text(value)


def format_text(template: Any, *values: Any) -> str:
    """States.Format: each `{}` takes the next value."""
    parts = re.split(r"(?<!\\)\{\}", _text(template))
    if len(parts) != len(values) + 1:
        raise BadArgumentError(f"the template has {len(parts) - 1} places for {len(values)} values")
    pieces = [_unescape(parts[0])]
    for value, part in zip(values, parts[1:], strict=True):
        pieces += [_shown(value), _unescape(part)]
    return "".join(pieces)


def string_to_json(text: Any) -> Any:
    try:
        return json_values.from_text(_text(text)) if _text(text).strip() else None
    except ValueError as error:
        raise BadArgumentError(f"the string is not JSON: {error}") from error


def array_partition(values: Any, size: Any) -> list[list[Any]]:
    step = _rounded(size)
    if step < 1:
        raise BadArgumentError("the chunk size must be positive")
    items = _array(values)
    return [items[start : start + step] for start in range(0, len(items), step)]


def array_contains(values: Any, sought: Any) -> bool:
    return any(json_values.equal(value, sought) for value in _array(values))


def array_range(first: Any, last: Any, step: Any) -> list[int]:
    """Both ends included, at most 1000 items."""
    start, end, stride = _rounded(first), _rounded(last), _rounded(step)
    if stride == 0:
        raise BadArgumentError("the step can't be 0")
    values = range(start, end + (1 if stride > 0 else -1), stride)
    if len(values) > MAX_ARRAY:
        raise BadArgumentError(f"the array would have more than {MAX_ARRAY} items")
    return list(values)


def array_get_item(values: Any, index: Any) -> Any:
    items, position = _array(values), _integer(index)
    if not 0 <= position < len(items):
        raise BadArgumentError(f"index {position} is outside the array of {len(items)} items")
    return items[position]


def array_unique(values: Any) -> list[Any]:
    unique: list[Any] = []
    for value in _array(values):
        if not array_contains(unique, value):
            unique.append(value)
    return unique


def base64_encode(text: Any) -> str:
    return base64.b64encode(_text(text, MAX_TEXT).encode()).decode()


def base64_decode(text: Any) -> str:
    try:
        return base64.b64decode(_text(text, MAX_TEXT), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadArgumentError(f"the string is not Base64 of text: {error}") from error


def hash_value(value: Any, algorithm: Any) -> str:
    name = HASH_ALGORITHMS.get(_text(algorithm))
    if name is None:
        raise BadArgumentError(f"the algorithm is one of {', '.join(HASH_ALGORITHMS)}")
    return hashlib.new(name, _text(_shown(value), MAX_TEXT).encode()).hexdigest()


def json_merge(left: Any, right: Any, deep: Any) -> dict[str, Any]:
    """Shallow only, as AWS's: the third argument must be false."""
    if deep is not False:
        raise BadArgumentError(
            "only shallow merges are supported: the third argument must be false"
        )
    if not isinstance(left, dict) or not isinstance(right, dict):
        raise BadArgumentError("expected two objects")
    return {**left, **right}


def math_random(start: Any, end: Any, seed: Any = None) -> int:
    """An integer from `start` (included) to `end` (excluded)."""
    low, high = _rounded(start), _rounded(end)
    if low >= high:
        raise BadArgumentError("the start must be below the end")
    source = random.Random(None if seed is None else _rounded(seed))
    return source.randrange(low, high)


def math_add(left: Any, right: Any) -> int:
    return _rounded(left) + _rounded(right)


def string_split(text: Any, delimiters: Any) -> list[str]:
    """Split at any of the delimiter characters, empty pieces left out."""
    characters = _text(delimiters)
    if characters == "":
        return [_text(text)]
    return [piece for piece in re.split(f"[{re.escape(characters)}]", _text(text)) if piece]


@dataclass(frozen=True)
class Function:
    """An intrinsic function and how many arguments it takes (`most` None: any number)."""

    apply: Callable[..., Any]
    fewest: int
    most: int | None

    def takes(self, count: int) -> bool:
        return self.fewest <= count and (self.most is None or count <= self.most)


FUNCTIONS = {
    "States.Format": Function(format_text, 1, None),
    "States.StringToJson": Function(string_to_json, 1, 1),
    "States.JsonToString": Function(json_values.to_text, 1, 1),
    "States.Array": Function(lambda *values: list(values), 0, None),
    "States.ArrayPartition": Function(array_partition, 2, 2),
    "States.ArrayContains": Function(array_contains, 2, 2),
    "States.ArrayRange": Function(array_range, 3, 3),
    "States.ArrayGetItem": Function(array_get_item, 2, 2),
    "States.ArrayLength": Function(lambda values: len(_array(values)), 1, 1),
    "States.ArrayUnique": Function(array_unique, 1, 1),
    "States.Base64Encode": Function(base64_encode, 1, 1),
    "States.Base64Decode": Function(base64_decode, 1, 1),
    "States.Hash": Function(hash_value, 2, 2),
    "States.JsonMerge": Function(json_merge, 3, 3),
    "States.MathRandom": Function(math_random, 2, 3),
    "States.MathAdd": Function(math_add, 2, 2),
    "States.StringSplit": Function(string_split, 2, 2),
    "States.UUID": Function(lambda: str(uuid.uuid4()), 0, 0),
}
