"""What is wrong in an environment file, in words for the person who wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

# pydantic's kinds of error, with what the value has to be.
_SENTENCES = {
    "missing": "this key is missing",
    "extra_forbidden": "unknown key: correct its name, or take it out",
    "invalid_key": "unknown key: correct its name, or take it out",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number that is not infinite",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}


def sentence(details: ErrorDetails, *, shows_value: bool = True) -> str:
    """What the value has to be, and what it is where it may be shown."""
    kind, value = details["type"], details["input"]
    context = details.get("ctx", {})
    if kind == "refused":
        wanted: str = context["said"]
    else:
        wanted = _SENTENCES.get(kind, "another value").format(**context)
    # What stands under a key that should have another name is not what is wrong, and a model that
    # is checked with all it has is not shown.
    if kind == "missing" or wanted.startswith("unknown") or isinstance(value, BaseModel):
        return wanted
    if value is None or value == "":
        return "is empty"
    if not shows_value:
        return wanted
    if kind in ("too_short", "too_long"):
        # pydantic counts no further than the limit.
        return f"{wanted} (there are {len(value)})"
    if kind == "int_type" and isinstance(value, float):
        return f"{wanted}, written without a point (it is {value!r})"
    return f"{wanted} (it is {shown(value)})"


def shown(value: object) -> str:
    """A value as it stands in the file, more or less; long ones by their beginning."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "keys and values"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def refusal(said: str) -> PydanticCustomError:
    """To be raised by a validator: `said` is the whole sentence."""
    return PydanticCustomError("refused", "{said}", {"said": said})


def refusals(
    problems: Mapping[str, str], values: Mapping[str, Any], *above: str
) -> ValidationError:
    """To be raised by the validator of a section: a refusal at each of its keys.

    `above` is where they stand in the section, where that is not at its top.
    """
    return refusals_at([((*above, name), said, values[name]) for name, said in problems.items()])


def refusals_at(problems: Iterable[tuple[tuple[str, ...], str, Any]]) -> ValidationError:
    """The same where they stand in several places: each with its keys, and the value there."""
    details = [
        InitErrorDetails(type=refusal(said), loc=keys, input=value)
        for keys, said, value in problems
    ]
    return ValidationError.from_exception_data("section", details)


def only(is_possible: Callable[[str], object], said: str) -> BeforeValidator:
    """Refuses with `said` what is no text, or text that `is_possible` doesn't take."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not is_possible(value):
            raise refusal(said)
        return value

    return BeforeValidator(check)
