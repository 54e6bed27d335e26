"""Rows as tokens: as many turns as fit, found with few encodings, as by trying each cut in turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from meguru.chat import ChatEncoder, EncodedConversation
from meguru.dataset_version import Row
from meguru.example import Example, encode_row
from meguru.limits import Shortenings, TooLong
from training.tokenizer import train_tokenizer

ROLES = {"s": "system", "u": "user", "a": "assistant"}
TEXTS = ["締切はいつですか", "10日です", "Who is it?"]
# What some public models have: no control token between turns, so that pieces reach across them.
PLAIN = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def plain_tokenizer() -> Any:
    """BPE without words: one of its pieces may be several turns, of which a cut makes many."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=alphabet, min_frequency=1, show_progress=False
    )
    tokenizer.train_from_iterator(["user: q\nassistant: a\n" * 16], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=PLAIN)  # type: ignore[no-untyped-call]


ENCODERS = {
    "control tokens between turns": ChatEncoder(train_tokenizer(TEXTS, 330)),
    "plain text between turns": ChatEncoder(plain_tokenizer()),
}
MESSAGES = st.tuples(st.sampled_from("suuaa"), st.sampled_from(TEXTS) | st.text(max_size=3))


def make_row(*messages: tuple[str, str]) -> Row:
    context = tuple({"role": ROLES[role], "content": content} for role, content in messages)
    return Row("1", "Who?", "Mori", "g", "en", "train", 1, context, "raw/a.jsonl")


def by_trying_each(encoder: ChatEncoder, row: Row, context_tokens: int) -> Example | TooLong:
    question = {"role": "user", "content": row.question}
    answer = {"role": "assistant", "content": row.answer}
    shortenings = Shortenings(row.context)
    num_tokens = 0
    for index in range(len(shortenings)):
        encoded = encoder.encode_conversation([*shortenings[index], question, answer])
        num_tokens = len(encoded.prompt) + len(encoded.answer)
        if num_tokens <= context_tokens:
            return Example(row, encoded.prompt, encoded.answer, is_cut=index > 0)
    return TooLong(row.record_id, row.source_uri, num_tokens, context_tokens)


@pytest.mark.parametrize("name", ENCODERS)
@given(messages=st.lists(MESSAGES, max_size=24), context_tokens=st.integers(4, 200))
def test_as_much_is_kept_as_by_trying_each_cut(
    name: str, messages: list[tuple[str, str]], context_tokens: int
) -> None:
    encoder, row = ENCODERS[name], make_row(*messages)
    expected = by_trying_each(encoder, row, context_tokens)
    assert encode_row(encoder, row, context_tokens) == expected


@given(num_turns=st.integers(0, 40), context_tokens=st.integers(8, 24))
def test_a_cut_that_makes_more_tokens_is_passed_over(num_turns: int, context_tokens: int) -> None:
    encoder = ENCODERS["plain text between turns"]
    row = make_row(*[("u", "q"), ("a", "a")] * num_turns)
    expected = by_trying_each(encoder, row, context_tokens)
    assert encode_row(encoder, row, context_tokens) == expected


class Counting(ChatEncoder):
    """A token for each message, and the number of messages that were encoded."""

    def __init__(self) -> None:
        self.num_encoded = 0

    def encode_conversation(self, messages: Any) -> EncodedConversation:
        self.num_encoded += len(messages)
        return EncodedConversation([0] * (len(messages) - 1), [1])


@pytest.mark.parametrize("context_tokens", [1, 2, 40, 2_000, 3_999, 4_002])
def test_a_long_conversation_is_not_encoded_once_for_each_turn(context_tokens: int) -> None:
    encoder, row = Counting(), make_row(*[("u", "q"), ("a", "a")] * 2_000)
    encoded = encode_row(encoder, row, context_tokens)
    if context_tokens < 2:
        assert encoded == TooLong("1", "raw/a.jsonl", 2, context_tokens)
    else:
        assert isinstance(encoded, Example)
        assert encoded.num_tokens == context_tokens // 2 * 2
        assert encoded.is_cut is (context_tokens < 4_002)
    assert encoder.num_encoded < 25 * 4_002


def test_a_conversation_that_fits_is_encoded_once() -> None:
    encoder = Counting()
    encode_row(encoder, make_row(("u", "q"), ("a", "a")), 4)
    assert encoder.num_encoded == 4
