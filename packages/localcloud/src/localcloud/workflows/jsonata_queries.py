"""JSONata as the Amazon States Language uses it: `{% … %}` in the strings of a state's fields."""

from __future__ import annotations

import hashlib
import math
import random
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError
from localcloud.workflows.intrinsic_functions import HASH_ALGORITHMS

_MAX_MILLISECONDS = 10_000
_MAX_DEPTH = 500
_MAX_EXACT_INTEGER = 2**53
_JAVA_FACTOR = 0x5DEECE66D
_JSONATA_FAILURES = (
    JException,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def is_expression(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def check(text: str) -> None:
    """ValueError unless the text is a JSONata expression between `{%` and `%}`."""
    if not is_expression(text):
        raise ValueError("JSONata string must start with {% and end with %}")
    try:
        Jsonata(text[2:-2])
    except _JSONATA_FAILURES as error:
        raise ValueError(f"{text!r} is not JSONata: {error}") from error


class Query:
    """Evaluates expressions on one set of variables."""

    def __init__(self, variables: Mapping[str, Any], clock: Clock) -> None:
        self._bindings = {name: _to_jsonata(value) for name, value in variables.items()}
        for name, function in {**_FUNCTIONS, **_time_functions(clock)}.items():
            self._bindings[name] = Jsonata.JLambda(function)
        # Step Functions has none: a call says that it invokes a non-function.
        self._bindings["eval"] = None

    def expand(self, template: Any, location: str) -> Any:
        """The template of the field at `location`, each expression in it replaced by its value."""
        if isinstance(template, list):
            return [
                self.expand(item, f"{location}[{index}]") for index, item in enumerate(template)
            ]
        if isinstance(template, dict):
            return {key: self.expand(value, f"{location}/{key}") for key, value in template.items()}
        return self.evaluate(template, location) if is_expression(template) else template

    def evaluate(self, text: str, location: str) -> Any:
        """One expression's value; States.QueryEvaluationError when it fails or is undefined."""
        try:
            expression = Jsonata(text[2:-2], timeout=_MAX_MILLISECONDS, stack=_MAX_DEPTH)
            expression.set_output_convert_nulls(False)
            value = expression.evaluate(None, self._bindings)
            if value is not None:
                return _from_jsonata(value)
        except _JSONATA_FAILURES as error:
            happened = f"threw an error during evaluation{_told(error)}"
            raise failure(text, location, happened) from error
        raise failure(text, location, "returned nothing (undefined).")


def failure(text: str, location: str, happened: str) -> StateError:
    """The error of an expression in the field at `location`: what `happened`, as AWS tells it."""
    return StateError(
        "States.QueryEvaluationError",
        f"The JSONata expression '{text[2:-2].strip()}' specified for the field '{location}' "
        f"{happened}",
        location,
    )


def _told(error: Exception) -> str:
    """The end of a cause: `. T2001: …` for an error with a code, `: …` for any other."""
    if not isinstance(error, JException):
        return f": {error}"
    values = iter((error.current, error.expected, error.extra))
    message = JException.error_codes.get(error.error, str(error))
    # The catalog says Object where JSONata's own says function, and leaves values unquoted.
    message = re.sub(r"\bObject\b", "function", message)
    message = message.replace("{{{message}}}", str(error.current))
    message = re.sub(r"\{\{\w+\}\}", lambda _: _shown(next(values, None)), message)
    return f". {error.error}: {message}"


def _shown(value: Any) -> str:
    try:
        return json_values.to_text(_ARRAYS_OF.get(value, value))
    except (TypeError, ValueError):
        return str(value)


_ARRAYS_OF = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects"}


def type_name(value: Any) -> str:
    """JSON's name of the value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")


def _to_jsonata(value: Any) -> Any:
    """A copy in which null is JSONata's null, for None is its `undefined`."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _to_jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_jsonata(item) for item in value]
    return value


def _from_jsonata(value: Any) -> Any:
    if value is None:
        raise ValueError("there is something undefined in what it returned")
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, dict):
        return {key: _from_jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_jsonata(item) for item in value]
    if isinstance(value, float):
        return _plain_number(value)
    if isinstance(value, str | bool | int):
        return value
    raise ValueError("it returned a function, which is not JSON")


def _plain_number(value: float) -> int | float:
    """JSONata knows one kind of number: a whole one is written without a fraction."""
    if not math.isfinite(value):
        raise ValueError("it returned a number out of range")
    return int(value) if value.is_integer() and abs(value) < _MAX_EXACT_INTEGER else value


def _partition(values: Any = None, size: Any = None) -> Any:
    if values is None:
        return None
    step = _whole(size, "$partition")
    if step < 1:
        raise ValueError("the chunk size of $partition must be positive")
    items = values if isinstance(values, list) else [values]
    return [list(items[start : start + step]) for start in range(0, len(items), step)]


def _range(first: Any = None, last: Any = None, step: Any = 1) -> list[int | float]:
    """Both ends included. A sequence: one number is itself, none is undefined."""
    if not all(map(json_values.is_number, (first, last, step))) or step == 0:
        raise ValueError("$range takes three numbers, the last of them not 0")
    count = math.floor((last - first) / step) + 1
    if count > 1_000_000:
        raise ValueError("$range would make more than 1000000 items")
    numbers = (first + index * step for index in range(max(count, 0)))
    sequence: list[int | float] = Utils.create_sequence_from_iter(numbers)
    return sequence


def _hash(value: Any = None, algorithm: Any = "SHA-256") -> str | None:
    if value is None:
        return None
    if algorithm not in HASH_ALGORITHMS:
        raise ValueError(f"the algorithm of $hash is one of {', '.join(HASH_ALGORITHMS)}")
    text = value if isinstance(value, str) else Functions.string(value, False)
    return hashlib.new(HASH_ALGORITHMS[algorithm], text.encode()).hexdigest()


def _random(seed: Any = None) -> float:
    """From 0 to below 1; with a seed, the first number of Java's generator."""
    if seed is None:
        return random.random()
    state = (_whole(seed, "$random") ^ _JAVA_FACTOR) % 2**48
    bits = []
    for count in (26, 27):
        state = (state * _JAVA_FACTOR + 11) % 2**48
        bits.append(state >> (48 - count))
    return float((bits[0] << 27) + bits[1]) / 2**53


def _parse(text: Any = None) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("$parse takes a string")
    return _to_jsonata(json_values.from_text(text))


def _whole(value: Any, function: str) -> int:
    if not json_values.is_number(value) or int(value) != value:
        raise ValueError(f"{function} takes a whole number")
    return int(value)


def _time_functions(clock: Clock) -> dict[str, Callable[..., Any]]:
    milliseconds = int(clock.time() * 1000)

    def now(picture: Any = None, timezone: Any = None) -> Any:
        return Functions.datetime_from_millis(milliseconds, picture, timezone)

    return {"millis": lambda: milliseconds, "now": now}


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse,
}
