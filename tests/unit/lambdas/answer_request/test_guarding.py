"""What a guard lets pass, in one piece and as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.answer_request.assembly import Assembly, chunks_of
from lambdas.answer_request.guarding import MAX_HELD_CHARACTERS, Guarding
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.verdict import Verdict


class Rules:
    """Blocks what has 爆弾 in it, and covers 090."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def check(self, text: str, side: str) -> Verdict:
        self.seen.append((side, text))
        if "爆弾" in text:
            return Verdict(allowed=False, rule="weapons")
        if "090" in text:
            return Verdict(rule="phone", replaced_text=text.replace("090", "***"))
        return Verdict()


@pytest.fixture
def rules() -> Rules:
    return Rules()


def chunks(*texts: str, index: int = 0, end: str | None = "stop") -> Iterator[dict[str, Any]]:
    for number, text in enumerate(texts, 1):
        choice = {"index": index, "delta": {"content": text}, "logprobs": {"content": [text]}}
        choice["finish_reason"] = end if number == len(texts) else None
        yield {"id": "c", "choices": [choice], "usage": {"completion_tokens": number}}


def passed(rules: Rules, parts: Iterator[dict[str, Any]], num_choices: int = 1) -> Any:
    assembly, given = Assembly(), []
    for chunk in Guarding(rules).check_chunks(parts, num_choices):
        given.append(chunk)
        assembly.add(chunk)
    return given, [
        (one["message"]["content"], one["finish_reason"]) for one in assembly.whole()["choices"]
    ]


def test_what_meets_no_rule_comes_as_it_came(rules: Rules) -> None:
    parts = list(chunks("こん", "にちは。", "元", "気?"))
    given, said = passed(rules, iter(parts))
    assert given == parts
    assert said == [("こんにちは。元気?", "stop")]
    assert [text for _, text in rules.seen] == ["こんにちは。", "元気?"]


def test_no_part_of_a_sentence_comes_before_it_was_seen(rules: Rules) -> None:
    asked: list[str] = []

    def parts() -> Iterator[dict[str, Any]]:
        for chunk in chunks("はい。", "爆", "弾は", "こう。", "まだ"):
            asked.append(chunk["choices"][0]["delta"]["content"])
            yield chunk

    given, said = passed(rules, parts())
    assert said == [("はい。", "content_filter")]
    # And no probability tells it.
    assert "爆" not in str(given)
    assert given[-1]["choices"] == [] and given[-1]["usage"] == {"completion_tokens": 4}
    # The model is not asked for what nobody will see.
    assert asked == ["はい。", "爆", "弾は", "こう。"]


def test_what_is_covered_is_covered_in_its_probabilities_too(rules: Rules) -> None:
    given, said = passed(rules, chunks("電話は0", "90", "です。", "以上"))
    assert said == [("電話は***です。以上", "stop")]
    assert "90" not in str([one["choices"] for one in given])
    assert given[0]["usage"] == {"completion_tokens": 3}


def test_one_choice_that_is_kept_back_stops_no_other(rules: Rules) -> None:
    parts = [*chunks("爆弾。", end=None), *chunks("はい。", index=1), *chunks("では")]
    _, said = passed(rules, iter(parts), num_choices=2)
    assert said == [("", "content_filter"), ("はい。", "stop")]


def test_what_never_ends_is_not_held_for_ever(rules: Rules) -> None:
    parts = chunks(*["あ" * 100] * 5, end=None)
    given, _ = passed(rules, parts)
    assert len(given) == MAX_HELD_CHARACTERS // 100


def test_an_answer_in_one_piece(rules: Rules) -> None:
    def check(**message: Any) -> Any:
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {}}
        guarding = Guarding(rules)
        (checked,) = guarding.check_answer({"choices": [choice]})["choices"]
        return checked["message"].get("content"), checked["finish_reason"], guarding.rule

    assert check(content="はい") == ("はい", "stop", "")
    assert check(content="爆弾") == ("", "content_filter", "weapons")
    assert check(content="090") == ("***", "stop", "phone")
    call = {"function": {"name": "call", "arguments": '{"number": "090"}'}}
    assert check(content=None, tool_calls=[call]) == ("", "content_filter", "phone")


def test_what_is_asked(rules: Rules) -> None:
    def asked(*texts: str) -> ChatRequest:
        return ChatRequest(messages=[{"role": "user", "content": text} for text in texts])

    guarding = Guarding(rules)
    changed = guarding.check_input(asked("090", "", "はい"))
    assert [one["content"] for one in changed.messages] == ["***", "", "はい"]
    with pytest.raises(ApiError, match="the rule 'weapons'") as refused:
        guarding.check_input(asked("はい", "爆弾"))
    assert (refused.value.status, refused.value.code) == (400, "content_filter")
    assert {side for side, _ in rules.seen} == {"input"}


def test_a_text_completion_keeps_its_form(rules: Rules) -> None:
    whole = {"choices": [{"index": 0, "text": "090", "finish_reason": "stop"}], "usage": None}
    (checked,) = Guarding(rules).check_answer(whole)["choices"]
    assert checked["text"] == "***" and "message" not in checked
    (said, *_) = Guarding(rules).check_chunks(chunks_of(whole), 1)
    assert said["choices"][0]["text"] == "***"
