"""JSONata as the Amazon States Language uses it: `{% … %}` in the strings of a state's fields."""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.utils import Utils

from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.errors import StateError
from localcloud.workflows.intrinsic_functions import HASH_ALGORITHMS

_MAX_MILLISECONDS = 10_000
_MAX_DEPTH = 500
_MAX_EXACT_INTEGER = 2**53
_JSONATA_FAILURES = (
    JException,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def check(text: str) -> None:
    """ValueError unless the text is a JSONata expression between `{%` and `%}`."""
    if not is_expression(text):
        raise ValueError("a JSONata expression must start with '{%' and end with '%}'")
    try:
        expression = Jsonata(text[2:-2])
    except _JSONATA_FAILURES as error:
        raise ValueError(f"{text!r} is not JSONata: {error}") from error
    if "eval" in _variables(expression.ast):
        raise ValueError("the function $eval is not supported: use $parse for JSON text")


def _variables(node: Any, seen: set[int] | None = None) -> set[str]:
    """The names of all variables and functions that an expression uses."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return set()
    seen.add(id(node))
    names = set()
    if isinstance(node, Parser.Symbol) and getattr(node, "type", None) == "variable":
        names.add(str(node.value))
    for child in _children(node):
        names |= _variables(child, seen)
    return names


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, list | tuple):
        yield from node
    elif isinstance(node, Parser.Symbol):
        for name, value in vars(node).items():
            if name != "_outer_instance" and isinstance(value, Parser.Symbol | list | tuple):
                yield value


class Query:
    """Evaluates expressions on one set of variables."""

    def __init__(self, variables: Mapping[str, Any], clock: Clock) -> None:
        self._bindings = {name: _to_jsonata(value) for name, value in variables.items()}
        for name, function in {**_FUNCTIONS, **_time_functions(clock)}.items():
            self._bindings[name] = Jsonata.JLambda(function)

    def expand(self, template: Any) -> Any:
        """The template with every expression in it replaced by its value."""
        if isinstance(template, list):
            return [self.expand(item) for item in template]
        if isinstance(template, dict):
            return {key: self.expand(value) for key, value in template.items()}
        return self.evaluate(template) if is_expression(template) else template

    def evaluate(self, text: str) -> Any:
        """One expression's value; States.QueryEvaluationError when it fails or is undefined."""
        try:
            expression = Jsonata(text[2:-2], timeout=_MAX_MILLISECONDS, stack=_MAX_DEPTH)
            expression.set_output_convert_nulls(False)
            return _from_jsonata(expression.evaluate(None, self._bindings))
        except _JSONATA_FAILURES as error:
            raise StateError(
                "States.QueryEvaluationError",
                f"The JSONata expression '{text[2:-2].strip()}' failed: {error}",
            ) from error


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
        raise ValueError("it returned nothing (undefined)")
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
    """Both ends included."""
    if not all(map(json_values.is_number, (first, last, step))) or step == 0:
        raise ValueError("$range takes three numbers, the last of them not 0")
    count = math.floor((last - first) / step) + 1
    if count > 1_000_000:
        raise ValueError("$range would make more than 1000000 items")
    return [first + index * step for index in range(max(count, 0))]


def _hash(value: Any = None, algorithm: Any = "SHA-256") -> str | None:
    if value is None:
        return None
    if algorithm not in HASH_ALGORITHMS:
        raise ValueError(f"the algorithm of $hash is one of {', '.join(HASH_ALGORITHMS)}")
    text = value if isinstance(value, str) else Functions.string(value, False)
    return hashlib.new(HASH_ALGORITHMS[algorithm], text.encode()).hexdigest()


def _random(seed: Any = None) -> float:
    return random.Random(None if seed is None else _whole(seed, "$random")).random()


def _parse(text: Any = None) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("$parse takes a string")
    return _to_jsonata(json_values.from_text(text))


def _refuse_eval(*_: Any) -> Any:
    raise ValueError("the function $eval is not supported: use $parse for JSON text")


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
    "eval": _refuse_eval,
}
