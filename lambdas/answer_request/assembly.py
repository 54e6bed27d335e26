"""A completion from its chunks, and its chunks again: what was streamed is kept whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Choice = dict[str, Any]
HEAD = ("id", "object", "created", "model", "system_fingerprint")
# The members of a delta that grow; of any other the last one counts.
GROWING = ("content", "refusal", "reasoning_content", "reasoning")


def text_of(choice: Choice) -> str:
    """What a choice says, whole or as a chunk, of a chat or of a text completion."""
    said = choice.get("message") or choice.get("delta") or {}
    return choice.get("text") or said.get("content") or ""


class Assembly:
    """The completion that chunks are of, as it would have come in one piece."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, Choice] = {}
        self._usage: dict[str, Any] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the model has said of every choice why it ended."""
        reasons = [one["finish_reason"] for one in self._choices.values()]
        return bool(reasons) and all(reasons)

    def add(self, chunk: dict[str, Any]) -> None:
        self._head = self._head or {name: chunk[name] for name in HEAD if name in chunk}
        self._usage = chunk.get("usage") or self._usage
        for one in chunk["choices"]:
            empty = {"index": one.get("index", 0), "finish_reason": None, "logprobs": None}
            choice = self._choices.setdefault(empty["index"], empty)
            choice["finish_reason"] = one.get("finish_reason") or choice["finish_reason"]
            _add_logprobs(choice, one.get("logprobs"))
            if "text" in one:
                choice["text"] = choice.get("text", "") + (one["text"] or "")
            else:
                _add_delta(choice.setdefault("message", {}), one.get("delta") or {})

    def whole(self) -> dict[str, Any]:
        head = dict(self._head)
        if "object" in head:
            head["object"] = head["object"].removesuffix(".chunk")
        choices = [self._choices[index] for index in sorted(self._choices)]
        return {**head, "choices": choices, "usage": self._usage}


def chunks_of(completion: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A completion as a stream, the way a model server gives it: with usage in its last chunk."""
    head = {name: completion[name] for name in HEAD if name in completion}
    is_chat = any("message" in choice for choice in completion["choices"])
    if is_chat:
        head["object"] = "chat.completion.chunk"
    for index, choice in enumerate(completion["choices"]):
        reason = choice.get("finish_reason")
        end = {"index": choice.get("index", index), "finish_reason": reason, "logprobs": None}
        said = {**end, "finish_reason": None, "logprobs": choice.get("logprobs")}
        if is_chat:
            yield {**head, "choices": [{**said, "delta": _delta(choice["message"])}]}
            yield {**head, "choices": [{**end, "delta": {}}]}
        else:
            yield {**head, "choices": [{**said, "text": choice["text"]}]}
            yield {**head, "choices": [{**end, "text": ""}]}
    yield {**head, "choices": [], "usage": completion.get("usage")}


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls:
        return message
    numbered = [{"index": index, **call} for index, call in enumerate(calls)]
    return {**message, "tool_calls": numbered}


def _add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for call in value or []:
                _add_call(message.setdefault("tool_calls", []), call)
        elif name in GROWING and value is not None:
            message[name] = (message.get(name) or "") + value
        else:
            message.setdefault(name, value)


def _add_call(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """A call's name and id come once, its arguments bit by bit."""
    index = part.get("index", len(calls))
    while len(calls) <= index:
        calls.append({"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call, function = calls[index], part.get("function") or {}
    call["id"] = part.get("id") or call["id"]
    call["function"]["name"] = function.get("name") or call["function"]["name"]
    call["function"]["arguments"] += function.get("arguments") or ""


def _add_logprobs(choice: Choice, logprobs: dict[str, Any] | None) -> None:
    if logprobs is None:
        return
    kept = choice["logprobs"] = choice["logprobs"] or {}
    for name, values in logprobs.items():
        kept[name] = (kept.get(name) or []) + values if isinstance(values, list) else values
