"""What is cut of a conversation that is too long, and how many tokens one can have."""

from __future__ import annotations

import pytest

from meguru.limits import Shortenings, is_blank, most_tokens


def conversation(text: str) -> list[dict[str, str]]:
    """`s` a system message, `u` a question, `a` an answer, numbered in their order."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[one], "content": f"{one}{n}"} for n, one in enumerate(text)]


@pytest.mark.parametrize(
    ("context", "left"),
    [
        ("", [""]),
        ("s", ["s0"]),
        ("ua", ["u0a1", ""]),
        ("uaua", ["u0a1u2a3", "u2a3", ""]),
        ("suauua", ["s0u1a2u3u4a5", "s0u3u4a5", "s0u4a5", "s0"]),
        # A greeting comes before any question; a system message may stand between turns.
        ("auasua", ["a0u1a2s3u4a5", "s3u1a2u4a5", "s3u4a5", "s3"]),
    ],
)
def test_oldest_turns_go_first_and_system_messages_stay(context: str, left: list[str]) -> None:
    shortenings = Shortenings(conversation(context))
    some = [shortenings[index] for index in range(len(shortenings))]
    assert ["".join(one["content"] for one in messages) for messages in some] == left


def test_no_token_is_less_than_a_byte() -> None:
    assert most_tokens([]) == 0
    alone, two = most_tokens(conversation("u")), most_tokens(conversation("ua"))
    assert two == 2 * alone
    # NFKC makes 18 characters of this one, 33 bytes of 3.
    (sign, spelt) = ([{"role": "user", "content": text}] for text in ("\ufdfa", "x" * 33))
    assert most_tokens(sign) == most_tokens(spelt)
    full_width, ascii_text = (
        [{"role": "user", "content": text}] for text in ("\uff11" * 10, "1" * 30)
    )
    assert most_tokens(full_width) == most_tokens(ascii_text)


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), (" \n\u3000", True), ("\u200b\ufeff", True), ("。", False)]
)
def test_blank(text: str, blank: bool) -> None:
    assert is_blank(text) is blank
