"""How much of an answer and its question is kept: all, without personal data, or no text at all."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from typing import Any

from meguru.consumer import FULL, REDACTED
from meguru.personal_data import redact
from meguru.records import Inference

# An item of DynamoDB holds 400 KB, names and all. Counted as JSON writes it: no line and no message
# of a queue is more than twice as long then, whatever the texts consist of.
MAX_TEXT_BYTES = 380_000
# Of a character, as `\u0000`.
_MOST_BYTES = 6
# What a message has beside texts: who speaks, and what refers to what.
_NO_TEXT = ("role", "type", "id", "tool_call_id")


def kept(inference: Inference, policy: str) -> Inference:
    """What may be kept of it by a consumer's policy; by one that isn't known: no text."""
    said = json.dumps(inference.messages, ensure_ascii=False)
    texts = [*(str(one.get("content") or "") for one in inference.messages), inference.answer]
    counted = replace(
        inference,
        log=policy,
        num_messages=len(inference.messages),
        num_characters=sum(map(len, [*texts, *inference.other_answers])),
    )
    if policy == FULL:
        return _shortened(counted, len(said.encode()))
    if policy == REDACTED:
        redacted = replace(
            counted,
            messages=[_redacted(message) for message in inference.messages],
            answer=redact(inference.answer),
            other_answers=[redact(answer) for answer in inference.other_answers],
        )
        said = json.dumps(redacted.messages, ensure_ascii=False)
        return _shortened(redacted, len(said.encode()))
    return replace(counted, messages=[], answer="", other_answers=[])


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return value if name in _NO_TEXT else redact(value)
    if isinstance(value, list):
        return [_redacted(one) for one in value]
    if isinstance(value, dict):
        return {name: _redacted(one, name) for name, one in value.items()}
    return value


def _shortened(inference: Inference, num_message_bytes: int) -> Inference:
    """With answers cut to what there is room for beside the question; it comes before them."""
    room = MAX_TEXT_BYTES - num_message_bytes
    if room < 0:
        inference = replace(inference, messages=[], is_shortened=True)
        room = MAX_TEXT_BYTES
    answers = []
    for whole in [inference.answer, *inference.other_answers]:
        answer = _cut(whole, max(room, 0))
        if answer != whole:
            inference = replace(inference, is_shortened=True)
        room -= _num_bytes(answer)
        answers.append(answer)
    return replace(inference, answer=answers[0], other_answers=answers[1:])


def _cut(text: str, room: int) -> str:
    """As much of a text's beginning as there is room for."""
    # Most are far from it, and need not be written to be measured.
    if _MOST_BYTES * len(text) <= room:
        return text
    ends = range(1, len(text) + 1)
    return text[: bisect_right(ends, room, key=lambda end: _num_bytes(text[:end]))]


def _num_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
