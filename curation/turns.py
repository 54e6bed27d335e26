"""The turns of a conversation as people write them down: whose they are, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from curation.normalisation import normalise
from curation.records import has_half_a_character, kind_of
from meguru.limits import MAX_CONVERSATION_CHARACTERS, MAX_CONVERSATION_MESSAGES, Message

_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model"), "assistant"),
}
_TOOLS = {"tool", "function", "function_call", "tool_call", "observation", "function_response"}
_CALLS = ("tool_calls", "function_call")
_SAID = {"system": "a system message", "user": "the user's", "assistant": "the assistant's"}


class Unusable(ValueError):
    """A conversation that nothing can be learnt of: the reason, and its detail for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_turns(value: object, name: str) -> list[Message]:
    """The messages in the list that an object has as `name`. Raises Unusable.

    Each has a role and a content, or a `from` and a `value`. A system message of nothing is left
    out.
    """
    if not isinstance(value, list):
        raise Unusable(
            "wrong_type", f"'{name}' has to be a list of messages, and is {kind_of(value)}"
        )
    if len(value) > MAX_CONVERSATION_MESSAGES:
        raise Unusable(
            "too_long",
            f"'{name}' has {len(value)} messages, at most {MAX_CONVERSATION_MESSAGES} are taken",
        )
    turns = (
        _read_turn(one, f"message {number} of '{name}'") for number, one in enumerate(value, 1)
    )
    return [turn for turn in turns if turn["role"] != "system" or normalise(turn["content"])]


def _read_turn(value: object, place: str) -> Message:
    if not isinstance(value, dict):
        raise Unusable("wrong_type", f"{place} has to be an object, and is {kind_of(value)}")
    role = _role(value.get("role", value.get("from")), place)
    if any(value.get(name) for name in _CALLS):
        raise Unusable("tool_use", f"{place} calls a tool, which is not learnt yet")
    content = _content(value.get("content", value.get("value")), place)
    if role != "system":
        check_text(content, place)
    return {"role": role, "content": content}


def _role(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise Unusable("wrong_type", f"{place} has to have a role, and that is {kind_of(value)}")
    name = value.strip().casefold()
    if name in _TOOLS:
        raise Unusable("tool_use", f"{place} is a tool's ('{name}'), which is not learnt yet")
    if name not in _ROLES:
        known = ", ".join(_ROLES)
        raise Unusable("unknown_role", f"{place} has the role '{name[:40]}'; known are {known}")
    return _ROLES[name]


def _content(value: object, place: str) -> str:
    """A text, or the text of a list of parts that are all text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if not isinstance(value, list):
        raise Unusable("wrong_type", f"{place} has to be text, and is {kind_of(value)}")
    return "".join(_part(one, place) for one in value)


def _part(part: Any, place: str) -> str:
    kind = part.get("type", "text") if isinstance(part, dict) else kind_of(part)
    text = part.get("text") if isinstance(part, dict) else None
    if kind != "text" or not isinstance(text, str):
        detail = f"{place} has a part that is {str(kind)[:40]}; only parts with a 'text' are learnt"
        raise Unusable("not_text", detail)
    return text


def read_text(value: object, name: str) -> str:
    """A text that is not empty, by the name an object has for it. Raises Unusable."""
    if value is not None and not isinstance(value, str):
        raise Unusable("wrong_type", f"'{name}' has to be text, and is {kind_of(value)}")
    check_text(value or "", f"'{name}'")
    return value or ""


def check_text(text: str, place: str) -> None:
    if len(text) > MAX_CONVERSATION_CHARACTERS:
        raise _too_long(f"{place} has {len(text)}")
    if not normalise(text):
        raise Unusable("empty_turn", f"{place} is missing or empty")
    if has_half_a_character(text):
        raise Unusable("undecodable", f"{place} has half of a character")


def check_order(messages: Sequence[Message]) -> None:
    """Raises Unusable unless a user and an assistant take turns, and the assistant has the last."""
    turns = [*enumerate(messages, 1)]
    if turns and turns[0][1]["role"] == "system":
        del turns[0]
    roles = [message["role"] for _, message in turns]
    if "user" not in roles:
        raise Unusable("missing_question", "the conversation has no turn of a user")
    if "assistant" not in roles:
        raise Unusable("missing_answer", "the conversation has no turn of an assistant")
    if roles[0] == "assistant":
        raise Unusable("wrong_order", "the assistant speaks first: it has to begin with the user")
    for (_, before), (number, message) in pairwise([turns[0], *turns]):
        if message["role"] == "system":
            detail = f"message {number} is a system message: only the first may be one"
            raise Unusable("wrong_order", detail)
        if before is not message and before["role"] == message["role"]:
            detail = f"messages {number - 1} and {number} are both {_SAID[message['role']]}"
            raise Unusable("wrong_order", f"{detail}: they have to take turns")
    if roles[-1] == "user":
        raise Unusable("missing_answer", "nobody answers the last message, which is the user's")
    num_characters = sum(len(message["content"]) for message in messages)
    if num_characters > MAX_CONVERSATION_CHARACTERS:
        raise _too_long(f"the conversation has {num_characters}")


def _too_long(what: str) -> Unusable:
    return Unusable(
        "too_long", f"{what} characters, at most {MAX_CONVERSATION_CHARACTERS} are taken"
    )
