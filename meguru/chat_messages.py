"""The messages of a chat request: text by roles, and what tools were asked and answered."""

from __future__ import annotations

from typing import Any

from meguru.json_request import missing, refusal, text_of, wrong

ROLES = ("system", "developer", "user", "assistant", "tool")
# `refusal` and `annotations` stand in OpenAI's own answers, which come back as earlier turns.
MEMBERS = ("role", "content", "name", "refusal", "annotations")
# What vLLM and litellm put beside an answer, which comes back with it; it is no part of the text.
BESIDE = ("reasoning", "reasoning_content", "provider_specific_fields")
MORE_MEMBERS = {"assistant": ("tool_calls", *BESIDE), "tool": ("tool_call_id",)}
# The roles of a message that is answered.
ASKING = ("user", "tool")


def read_messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Each with a `role` and a `content` of text; ApiError (400) names what is wrong."""
    if "messages" not in body:
        raise missing("messages")
    value = body["messages"]
    if not isinstance(value, list):
        raise wrong("messages", "an array of objects")
    if not value:
        raise wrong("messages", "at least one message", "empty_array")
    messages = [_message(one, f"messages[{index}]") for index, one in enumerate(value)]
    if messages[-1]["role"] not in ASKING:
        place = f"messages[{len(messages) - 1}].role"
        raise wrong(place, "'user', as the last message is what is answered", "invalid_value")
    return messages


def _message(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(place, "an object")
    given = {name: one for name, one in value.items() if one is not None}
    role = given.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise wrong(f"{place}.role", f"one of {', '.join(ROLES)}", "invalid_value")
    for name in given:
        if name not in MEMBERS and name not in MORE_MEMBERS.get(role, ()):
            raise refusal("Unsupported member '{}'.", f"{place}.{name}", "unsupported_parameter")
    # "developer" is OpenAI's newer word for "system".
    role = "system" if role == "developer" else role
    if given.get("tool_calls", []) != []:
        # Who calls a tool may say nothing beside it.
        content = _content(given.get("content", ""), f"{place}.content")
        calls = _tool_calls(given["tool_calls"], f"{place}.tool_calls")
        return {"role": role, "content": content, "tool_calls": calls}
    content = _content(given.get("content"), f"{place}.content")
    # An empty answer is one a model may have given: only a question has to ask something.
    if role == "user" and not content.strip():
        raise wrong(f"{place}.content", "text that is not empty", "invalid_value")
    if role == "tool":
        call_id = text_of(given.get("tool_call_id"), f"{place}.tool_call_id")
        return {"role": role, "content": content, "tool_call_id": call_id}
    return {"role": role, "content": content}


def _tool_calls(value: object, place: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise wrong(place, "an array of objects")
    return [_tool_call(one, f"{place}[{index}]") for index, one in enumerate(value)]


def _tool_call(value: object, place: str) -> dict[str, Any]:
    called = value.get("function") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(called, dict):
        raise wrong(place, "an object with an 'id' and a 'function'")
    function = {
        name: text_of(called.get(name), f"{place}.function.{name}")
        for name in ("name", "arguments")
    }
    return {"id": text_of(value.get("id"), f"{place}.id"), "type": "function", "function": function}


def _content(value: object, place: str) -> str:
    if isinstance(value, list):
        return "".join(_part(part, f"{place}[{index}]") for index, part in enumerate(value))
    return text_of(value, place, "a string or an array of text parts")


def _part(part: object, place: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise wrong(place, "an object of type 'text': this model reads text only")
    return text_of(part.get("text"), f"{place}.text")
