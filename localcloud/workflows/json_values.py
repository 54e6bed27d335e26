"""JSON values as they flow between states, and the limit on their size."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from localcloud.workflows.errors import StateError

MAX_PAYLOAD_BYTES = 256 * 1024


def to_text(value: Any) -> str:
    """Compact JSON, characters outside ASCII kept."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(text: str) -> Any:
    """Parse strict JSON: NaN and Infinity are refused (ValueError)."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


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
    return len(to_text(value).encode())


def check_size(value: Any, what: str) -> None:
    """States.DataLimitExceeded when the value is above the payload quota."""
    if size(value) > MAX_PAYLOAD_BYTES:
        raise StateError(
            "States.DataLimitExceeded",
            f"{what} exceeds the maximum number of bytes of a payload ({MAX_PAYLOAD_BYTES}).",
        )
