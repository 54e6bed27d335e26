"""JSON bodies of requests: read strictly, and every member refused by its name."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from meguru.api_errors import ApiError

# Python reads no longer whole numbers, and says so in words for programmers.
MAX_DIGITS = 4300


def read_object(content: bytes) -> dict[str, Any]:
    """The members of a body; ApiError (400) where it is anything but one JSON object in UTF-8."""
    try:
        body = json.loads(
            content.decode(),
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_members,
        )
    except UnicodeDecodeError as error:
        raise ApiError(400, "The body is not UTF-8 text.", code="invalid_json") from error
    except RecursionError as error:
        raise ApiError(400, "The body is nested too deeply.", code="invalid_json") from error
    except ValueError as error:
        message = f"The body is not valid JSON: {error}"
        raise ApiError(400, message, code="invalid_json") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The body has to be a JSON object.", code="invalid_type")
    return body


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise refusal("'{}' is given twice.", name, "duplicate_parameter")
        members[name] = value
    return members


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no number of JSON or too large")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _whole(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else _refuse(text)


def missing(name: str) -> ApiError:
    return refusal("Missing required parameter: '{}'.", name, "missing_required_parameter")


def refusal(message: str, name: str, code: str) -> ApiError:
    """A refusal whose `{}` is `name`, in a form that can be sent whatever was sent here."""
    shown = name.encode(errors="backslashreplace").decode()[:200]
    return ApiError(400, message.format(shown), param=shown, code=code)


def wrong(name: str, wanted: str, code: str = "invalid_type") -> ApiError:
    return refusal(f"Invalid '{{}}': expected {wanted}.", name, code)


def text_of(value: object, name: str, wanted: str = "a string") -> str:
    if not isinstance(value, str):
        raise wrong(name, wanted)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can escape half of a surrogate pair, which no text can hold.
        raise wrong(name, "valid Unicode text", "invalid_value") from error
    return value


def sendable(value: Any, name: str) -> Any:
    """A value of any depth as it is, all of whose texts can be sent on."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise wrong(name, "valid Unicode text", "invalid_value") from error
    return value


def flag(body: dict[str, Any], name: str, place: str = "") -> bool:
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise wrong(place + name, "a boolean")
    return bool(value)


def whole_number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise wrong(name, "an integer")
    return value


def number(
    body: dict[str, Any], name: str, low: float, high: float, place: str = ""
) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(place + name, "a number")
    if not low <= value <= high:
        raise wrong(place + name, f"a number within {low:g} to {high:g}", "invalid_value")
    return float(value)
