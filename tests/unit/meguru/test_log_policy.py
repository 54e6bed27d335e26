"""What is kept of an answer by each policy."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from meguru.consumer import FULL, LOG_POLICIES, REDACTED, SUMMARY
from meguru.log_policy import kept
from meguru.records import Inference

SECRET = "090-1234-5678"
CALL = {
    "id": SECRET,
    "type": "function",
    "function": {"name": "call", "arguments": f'{{"number": "{SECRET}"}}'},
}
# Members that may hold what somebody said; all else is the same under every policy.
TEXTS = {"messages", "answer", "other_answers"}
COUNTS = {"num_messages", "num_characters"}


@pytest.fixture
def inference() -> Inference:
    return Inference(
        inference_id="chatcmpl-1",
        created_at="2026-11-22T00:00:00+00:00",
        consumer="accounting-app",
        model="chat",
        model_package_arn="arn:p/group/3",
        messages=[
            {"role": "system", "content": "短く"},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": SECRET, "content": f"call {SECRET}"},
            {"role": "user", "content": f"{SECRET}は誰ですか"},
        ],
        answer=f"{SECRET}です",
        other_answers=[f"{SECRET}でした"],
        finish_reason="stop",
        prompt_tokens=4,
        completion_tokens=2,
        latency_ms=7,
    )


def texts(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(texts(one) for name, one in value.items() if not name.endswith("id"))
    return "".join(map(texts, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("policy", [*LOG_POLICIES, "of-a-later-release"])
def test_all_but_texts_is_kept_by_every_policy(inference: Inference, policy: str) -> None:
    record = kept(inference, policy)
    for field in fields(Inference):
        if field.name not in TEXTS | COUNTS | {"log"}:
            assert getattr(record, field.name) == getattr(inference, field.name)
    assert (record.num_messages, record.num_characters) == (4, 2 + 18 + 18 + 15 + 16)


def test_texts_of_each_policy(inference: Inference) -> None:
    full, redacted, summary = (kept(inference, one) for one in LOG_POLICIES)
    assert LOG_POLICIES == (FULL, REDACTED, SUMMARY)
    assert full.messages == inference.messages and full.answer == inference.answer
    assert redacted.answer == "[phone]です" and redacted.other_answers == ["[phone]でした"]
    assert SECRET not in texts(redacted.messages)
    # What an answer of a tool refers to is still found.
    assert redacted.messages[1]["tool_calls"][0]["id"] == redacted.messages[2]["tool_call_id"]
    assert (summary.messages, summary.answer, summary.other_answers) == ([], "", [])


def test_every_text_of_a_record_is_known_here() -> None:
    """A new member that could hold texts has to be thought of in the policies."""
    lists = {field.name for field in fields(Inference) if "list" in str(field.type)}
    assert lists <= TEXTS


def test_what_is_too_long_is_shortened_and_says_so(inference: Inference) -> None:
    long = kept(replace(inference, answer="あ" * 200_000), FULL)
    assert long.is_shortened and long.messages == inference.messages
    assert 370_000 < len(long.answer.encode()) < 380_000
    huge = [{"role": "user", "content": "い" * 200_000}]
    assert kept(replace(inference, messages=huge), FULL).messages == []
    assert not kept(inference, FULL).is_shortened


@pytest.mark.parametrize("character", ["\0", '"', "\\", "あ", "👍", "a"])
def test_a_message_of_a_queue_has_room_for_any_record(inference: Inference, character: str) -> None:
    long = kept(replace(inference, answer=character * 400_000), FULL)
    line = json.dumps(long.as_dict(), ensure_ascii=False)
    assert 370_000 < len(line.encode()) < 400_000
    assert len(json.dumps({"line": line}, ensure_ascii=False).encode()) < 1024 * 1024


def test_as_much_is_kept_as_there_is_room_for(inference: Inference) -> None:
    """Whichever part of it takes the most."""
    for answer in ("\0" * 50_000 + "a" * 200_000, "a" * 200_000 + "\0" * 50_000):
        given = replace(inference, answer=answer)
        record = kept(given, FULL)
        assert record.is_shortened and answer.startswith(record.answer)
        assert 379_000 < len(json.dumps(record.as_dict(), ensure_ascii=False)) < 382_000
