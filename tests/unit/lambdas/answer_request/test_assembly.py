"""A completion from its chunks, and its chunks again."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.answer_request.assembly import Assembly, chunks_of

HEAD = {"id": "c", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
]


def chat(*choices: dict[str, Any]) -> dict[str, Any]:
    return {**HEAD, "object": "chat.completion", "choices": list(choices), "usage": USAGE}


def choice(index: int = 0, reason: str = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", **message}
    return {"index": index, "finish_reason": reason, "logprobs": None, "message": said}


def assembled(chunks: Any) -> dict[str, Any]:
    assembly = Assembly()
    for chunk in chunks:
        assembly.add(chunk)
    assert assembly.is_complete
    return assembly.whole()


@pytest.mark.parametrize(
    "completion",
    [
        chat(choice(content="はい")),
        chat(choice(content="はい"), choice(1, "length", content="いいえ")),
        chat(choice(reason="tool_calls", content=None, tool_calls=CALLS)),
        chat(choice(content="a") | {"logprobs": {"content": [{"token": "a"}], "refusal": None}}),
        {
            **HEAD,
            "object": "text_completion",
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "text": "はい"}],
            "usage": USAGE,
        },
    ],
)
def test_what_is_cut_in_chunks_is_the_same_together(completion: dict[str, Any]) -> None:
    assert assembled(chunks_of(completion)) == completion


def test_calls_come_bit_by_bit() -> None:
    def delta(reason: str | None = None, **said: Any) -> dict[str, Any]:
        return {**HEAD, "choices": [{"index": 0, "delta": said, "finish_reason": reason}]}

    def call(index: int, **function: str) -> dict[str, Any]:
        return {"index": index, "function": function}

    chunks = [
        delta(role="assistant"),
        delta(tool_calls=[{**call(0, name="f", arguments=""), "id": "c1", "type": "function"}]),
        delta(tool_calls=[call(0, arguments='{"a"')]),
        delta(tool_calls=[call(0, arguments=": 1}")]),
        delta(tool_calls=[{**call(1, name="g"), "id": "c2", "type": "function"}]),
        delta("tool_calls"),
    ]
    assert assembled(chunks)["choices"][0]["message"]["tool_calls"] == CALLS


def test_choices_come_in_any_order() -> None:
    first, other = choice(content="はい"), choice(1, content="いいえ")
    chunks = [*chunks_of(chat(other)), *chunks_of(chat(first))]
    assert assembled(chunks)["choices"] == [first, other]


def test_what_breaks_off_is_not_complete() -> None:
    assembly = Assembly()
    assert not assembly.is_complete
    said, *_ = chunks_of(chat(choice(content="は")))
    assembly.add(said)
    assert not assembly.is_complete
    assert assembly.whole()["choices"][0]["message"]["content"] == "は"
