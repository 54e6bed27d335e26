"""JSON values as they flow between states, and the limit on their size."""

from __future__ import annotations

import json
import math
from typing import Any, TypeGuard

from localcloud.workflows.errors import StateError

MAX_PAYLOAD_BYTES = 256 * 1024


def to_text(value: Any) -> str:
    """Compact JSON, characters outside ASCII kept."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(text: str) -> Any:
    """Parse strict JSON: NaN, Infinity and endless nesting are refused (ValueError)."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text} is out of range")
    return number


def is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, `true` is not 1."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def size(value: Any) -> int:
    """Bytes of the value as UTF-8 JSON."""
    return num_bytes(to_text(value))


def num_bytes(text: str) -> int:
    """Bytes of the text as UTF-8. Half a surrogate pair, which JSON can hold, counts too."""
    return len(text.encode(errors="surrogatepass"))


def check_size(value: Any, what: str) -> None:
    """States.DataLimitExceeded when the value is above the payload quota."""
    if size(value) > MAX_PAYLOAD_BYTES:
        raise StateError(
            "States.DataLimitExceeded",
            f"{what} exceeds the maximum number of bytes of a payload ({MAX_PAYLOAD_BYTES}).",
        )
