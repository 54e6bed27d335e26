"""The tools of a chat request: functions that a model may ask its caller to call."""

from __future__ import annotations

import json
import re
from typing import Any

from meguru.json_request import flag, refusal, sendable, text_of, wrong

MEMBERS = ("tools", "tool_choice", "parallel_tool_calls")
MAX_TOOLS = 128
CHOICES = ("none", "auto", "required")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
# More than any chat template says of tools beside their own text.
_MAX_TEMPLATE_TOKENS = 1024


def read_tools(body: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that are of tools; ApiError (400) names what is wrong."""
    tools = body.get("tools", [])
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise wrong("tools", f"an array of at most {MAX_TOOLS} objects")
    read = [_tool(one, f"tools[{index}]") for index, one in enumerate(tools)]
    if not read:
        for name in MEMBERS[1:]:
            if name in body and (name, body[name]) != ("tool_choice", "none"):
                raise wrong(name, "'tools' as well", "invalid_value")
        return {}
    names = [tool["function"]["name"] for tool in read]
    members: dict[str, Any] = {"tools": read}
    if "tool_choice" in body:
        members["tool_choice"] = _choice(body["tool_choice"], names)
    if "parallel_tool_calls" in body:
        members["parallel_tool_calls"] = flag(body, "parallel_tool_calls")
    return members


def most_tool_tokens(tools: list[dict[str, Any]]) -> int:
    """The most tokens that a chat template makes of tools: they are written out as JSON."""
    # Written as widely as a template may.
    return _MAX_TEMPLATE_TOKENS + len(json.dumps(tools, indent=4)) if tools else 0


def _tool(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("type") != "function":
        raise wrong(place, "an object of type 'function'")
    function = value.get("function")
    if not isinstance(function, dict):
        raise wrong(f"{place}.function", "an object")
    given = {name: one for name, one in function.items() if one is not None}
    for name in given:
        if name not in ("name", "description", "parameters", "strict"):
            at = f"{place}.function.{name}"
            raise refusal("Unsupported member '{}'.", at, "unsupported_parameter")
    name = text_of(given.get("name"), f"{place}.function.name")
    if not _NAME.fullmatch(name):
        wanted = "up to 64 of a-z, A-Z, 0-9, '_' and '-'"
        raise wrong(f"{place}.function.name", wanted, "invalid_value")
    text_of(given.get("description", ""), f"{place}.function.description")
    if not isinstance(given.get("parameters", {}), dict):
        raise wrong(f"{place}.function.parameters", "a JSON schema")
    flag(given, "strict", f"{place}.function.")
    return {"type": "function", "function": sendable(given, f"{place}.function")}


def _choice(value: object, names: list[str]) -> str | dict[str, Any]:
    if isinstance(value, str) and value in CHOICES:
        return value
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(value, dict) or value.get("type") != "function" or name not in names:
        wanted = f"one of {', '.join(CHOICES)}, or a function that is among 'tools'"
        raise wrong("tool_choice", wanted, "invalid_value")
    return {"type": "function", "function": {"name": name}}
