"""What a target receives of an event: Input, InputPath, or an input transformer's template.

Source: "Amazon EventBridge input transformation", Amazon EventBridge User Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_PATH_STEP = re.compile(
    r"\.(?P<name>[\w\-/:@]+)|\.(?P<star>\*)|\[(?P<index>\d+|\*)\]|\[(?P<quote>['\"])(?P<key>.+?)(?P=quote)\]"
)
_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
_MISSING = object()


def transformed(target: dict[str, Any], event: dict[str, Any], rule_arn: str) -> str:
    """The text that `target` (a `Target` of PutTargets) is sent for an event of a rule."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        value = follow(target["InputPath"], event)
        return compact(None if value is _MISSING else value)
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        values = _variables(transformer.get("InputPathsMap", {}), event, rule_arn)
        return _render(transformer["InputTemplate"], lambda name: values.get(name, ""))
    return compact(event)


def check_input(target: dict[str, Any]) -> None:
    """ValueError where a target's input settings could never give a valid input."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if name in target]
    if len(given) > 1:
        raise ValueError(f"Only one of Input, InputPath, or InputTransformer, not {given}")
    if "Input" in target:
        check_json(target["Input"], "Input")
    if "InputPath" in target:
        steps(target["InputPath"])
    if "InputTransformer" in target:
        _check_transformer(target["InputTransformer"])


def compact(value: Any) -> str:
    """JSON as the cloud sends it: no spaces, Unicode as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def steps(path: str) -> list[str | int]:
    """The steps of a JSON path (`*` is every element); ValueError where it isn't one we know."""
    found: list[str | int] = []
    position = 1
    while position < len(path):
        match = _PATH_STEP.match(path, position)
        if not match:
            break
        index = match["index"]
        found.append(int(index) if index and index != "*" else match["name"] or match["key"] or "*")
        position = match.end()
    if not path.startswith("$") or position != len(path):
        raise ValueError(f"not a JSON path that EventBridge knows: {path!r}")
    return found


def follow(path: str, event: Any) -> Any:
    """The value at a path; a list where a wildcard is on the way."""
    found, many = [event], False
    for step in steps(path):
        many = many or step == "*"
        found = [inner for value in found for inner in _step(value, step)]
    if many:
        return found
    return found[0] if found else _MISSING


def _step(value: Any, step: str | int) -> list[Any]:
    if step == "*":
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []
    if isinstance(step, int):
        return value[step : step + 1] if isinstance(value, list) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _variables(paths: dict[str, str], event: dict[str, Any], rule_arn: str) -> dict[str, Any]:
    found = {name: follow(path, event) for name, path in paths.items()}
    values = {name: value for name, value in found.items() if value is not _MISSING}
    return values | {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": event.get("time", ""),
        "aws.events.event": {key: event[key] for key in event if key != "detail"},
        "aws.events.event.json": event,
    }


def _render(template: str, value_of: Callable[[str], Any]) -> str:
    """The template with each `<name>` replaced: as text inside quotes, as JSON outside."""
    out: list[str] = []
    quoted, position = False, 0
    while position < len(template):
        character = template[position]
        placeholder = _PLACEHOLDER.match(template, position)
        if placeholder:
            value = value_of(placeholder[1])
            out.append(_inside_quotes(value) if quoted else compact(value))
            position = placeholder.end()
            continue
        length = 2 if character == "\\" else 1
        out.append(template[position : position + length])
        quoted = quoted != (character == '"')
        position += length
    return "".join(out)


def _inside_quotes(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)[1:-1]
    # AWS writes objects and arrays inside a string without their own quotes.
    return compact(value).replace('"', "").replace("\\", "\\\\")


def _check_transformer(transformer: dict[str, Any]) -> None:
    paths = transformer.get("InputPathsMap", {})
    for name, path in paths.items():
        if name.lower().startswith("aws"):
            raise ValueError(f"an input path can't be called {name!r}: AWS reserves that name")
        steps(path)
    known = {*paths, *_variables({}, {}, "")}
    template = transformer["InputTemplate"]
    for name in _PLACEHOLDER.findall(template):
        if name not in known:
            raise ValueError(f"InputTemplate contains invalid placeholder {name}")
    check_json(_render(template, lambda _name: 0), "InputTemplate")


def check_json(text: str, what: str) -> None:
    """A JSON text, or one JSON string a line."""
    try:
        json.loads(text)
    except ValueError:
        try:
            for line in text.splitlines():
                json.loads(line)
        except ValueError as error:
            raise ValueError(f"{what} isn't JSON: {error}") from error
