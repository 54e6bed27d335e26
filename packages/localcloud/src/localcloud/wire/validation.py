"""A call against its model: required members, types, lengths, ranges, enums and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.validate import ParamValidator

from localcloud.calls import ServiceError
from localcloud.wire.protocol import Call

_validator = ParamValidator()
# These say what is wrong in words of their own, and their models are looser or stricter than they.
_OWN_WORDS = ("s3", "sqs", "sns", "iam", "sts", "cloudformation", "cloudwatch", "apigateway")
# Choices that S3 has refusals of their own for, or more of than the model lists.
_OPEN = (
    "BucketLocationConstraint",
    "Event",
    "FilterRuleName",
    "StorageClass",
    "TransitionStorageClass",
)
_SHOWN_CHARACTERS = 200


def validate(call: Call) -> None:
    """Refuse parameters that don't fit the operation's model, naming each member."""
    shape = call.model.input_shape
    if shape is None:
        return
    report = _validator.validate(call.parameters, shape)
    if report.has_errors():
        problems = report.generate_report().replace("\n", "; ")
        raise ServiceError(_code(call), f"{call.operation}: {problems}")
    if call.model.service_model.service_name == "s3":
        _check_choices(call)
    if call.model.service_model.service_name in _OWN_WORDS:
        return
    failures = list(_failures(shape, call.parameters, ""))
    if failures:
        noun = "error" if len(failures) == 1 else "errors"
        message = f"{len(failures)} validation {noun} detected: {'; '.join(failures)}"
        raise ServiceError(_code(call), message)


def _code(call: Call) -> str:
    if call.model.service_model.service_name == "s3":
        return "InvalidRequest"
    return "ValidationError" if call.protocol == "query" else "ValidationException"


def _check_choices(call: Call) -> None:
    """S3 tells a value that it doesn't know by whether it came in a header or in the body."""
    for name, value in call.parameters.items():
        member = call.model.input_shape.members[name]
        for unknown in _unknown(member, value):
            if "location" in member.serialization:
                message = f"{unknown!r} is no {name}"
                raise ServiceError("InvalidArgument", message, ArgumentName=name)
            message = "The XML you provided was not well-formed or did not validate"
            raise ServiceError("MalformedXML", f"{message} against our published schema: {unknown}")


def _unknown(shape: Any, value: Any) -> Iterator[str]:
    """The values that aren't among those which the model names."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in value.keys() & shape.members.keys():
            yield from _unknown(shape.members[name], value[name])
    elif shape.type_name == "list":
        for item in value:
            yield from _unknown(shape.member, item)
    elif isinstance(value, str) and _is_unknown(shape, value):
        yield value


def _is_unknown(shape: Any, value: str) -> bool:
    return bool(shape.enum) and shape.name not in _OPEN and value not in shape.enum


def _failures(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with a value and all within it, each in AWS's words."""
    if shape.type_name == "structure":
        if isinstance(value, dict):
            for name, member in shape.members.items():
                if name in value:
                    yield from _failures(member, value[name], f"{path}.{name}" if path else name)
        return
    if problem := _problem(shape, value):
        shown = str(value)[:_SHOWN_CHARACTERS]
        yield f"Value '{shown}' at '{path}' failed to satisfy constraint: {problem}"
    if shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _failures(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _failures(shape.key, key, f"{path}.key")
            yield from _failures(shape.value, item, f"{path}.{key}")


def _problem(shape: Any, value: Any) -> str | None:
    limits = shape.metadata
    maximum = limits.get("max")
    if isinstance(value, str):
        if shape.enum and value not in shape.enum:
            return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = _pattern(limits["pattern"]) if "pattern" in limits else None
        if pattern is not None and pattern.fullmatch(value) is None:
            return f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if maximum is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        too_large = value > float(maximum)
        return f"Member must have value less than or equal to {maximum}" if too_large else None
    if isinstance(value, str | bytes | list | dict) and len(value) > float(maximum):
        return f"Member must have length less than or equal to {maximum}"
    return None


@lru_cache(maxsize=4096)
def _pattern(written: str) -> re.Pattern[str] | None:
    """The models are written in Java's dialect: what Python's lacks of it isn't checked."""
    try:
        return re.compile(written, re.DOTALL)
    except re.error:
        return None
