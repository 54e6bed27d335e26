"""Rows as tokens: as many turns as fit, found with few encodings, as by trying each cut in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from meguru.chat import ChatEncoder, EncodedConversation
from meguru.dataset_version import Row
from meguru.example import IGNORED, Example, encode_row
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


# The line end after an answer is the next turn's, or the answer's: as the template appends it.
LINES = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] }}"
    "{{ '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
INSTRUCTIONS = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + '<|end|>' }}{% else %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
)


def tokenizer_with(template: str) -> Any:
    tokenizer = train_tokenizer(TEXTS, 330)
    tokenizer.chat_template = template
    return tokenizer


ENCODERS = {
    "control tokens between turns": ChatEncoder(train_tokenizer(TEXTS, 330)),
    "plain text between turns": ChatEncoder(plain_tokenizer()),
    "lines between turns": ChatEncoder(tokenizer_with(LINES)),
    "control tokens after answers": ChatEncoder(tokenizer_with(INSTRUCTIONS)),
}
MESSAGES = st.tuples(st.sampled_from("suuaa"), st.sampled_from(TEXTS) | st.text(max_size=3))


def make_row(*messages: tuple[str, str]) -> Row:
    context = tuple({"role": ROLES[role], "content": content} for role, content in messages)
    return Row.of_question("1", "Who?", "Mori", "g", "en", "train", 1, context, "raw/a.jsonl")


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

    def encode_conversation(self, messages: Any, **options: Any) -> EncodedConversation:
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


PAIRS = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), min_size=1, max_size=6)


def every_turn(*pairs: tuple[str, str], system: str = "") -> Row:
    messages = [{"role": "system", "content": system}] if system else []
    for question, answer in pairs:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return Row("1", tuple(messages), "g", "en", "train", train_turns="all")


def learnt(example: Example) -> list[int]:
    return [label for label in example.labels if label != IGNORED]


@pytest.mark.parametrize("name", ENCODERS)
@given(pairs=PAIRS, system=st.sampled_from(["", "Be kind."]))
def test_every_answer_is_learnt_as_if_it_were_the_last(
    name: str, pairs: list[tuple[str, str]], system: str
) -> None:
    encoder, row = ENCODERS[name], every_turn(*pairs, system=system)
    example = encode_row(encoder, row, 10_000)
    assert isinstance(example, Example)
    ends = range(len(row.messages) % 2 + 2, len(row.messages) + 1, 2)
    alone = [encoder.encode_conversation(row.messages[:end]) for end in ends]
    assert learnt(example) == [token for one in alone for token in one.answer]
    assert example.labels[: len(alone[0].prompt)] == [IGNORED] * len(alone[0].prompt)
    tokens = example.prompt + example.target
    assert all(
        label in (IGNORED, token) for token, label in zip(tokens, example.labels, strict=True)
    )


def test_tokens_are_the_same_whether_every_answer_is_learnt_or_the_last() -> None:
    row = every_turn(("Who is it?", "10日です"), ("締切はいつですか", "10日です"))
    encoder = ENCODERS["control tokens between turns"]
    every, last = (encode_row(encoder, one, 200) for one in (row, replace(row, train_turns="last")))
    assert isinstance(every, Example) and isinstance(last, Example)
    assert (every.prompt, every.target) == (last.prompt, last.target)
    assert len(learnt(every)) == 2 * len(learnt(last))


def test_of_a_conversation_that_is_cut_the_answers_left_are_learnt() -> None:
    row = every_turn(*[("Who is it?", "10日です")] * 9)
    encoder = ENCODERS["control tokens between turns"]
    whole = encode_row(encoder, row, 10_000)
    assert isinstance(whole, Example)
    cut = encode_row(encoder, row, whole.num_tokens // 2)
    assert isinstance(cut, Example) and cut.is_cut
    assert 1 < len(cut.earlier_answers) < len(whole.earlier_answers)


def test_template_that_writes_the_last_answer_otherwise() -> None:
    tokenizer = train_tokenizer(TEXTS, 330)
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ '<|' +",
        "{% if loop.last and message['role'] == 'assistant' %}"
        "{% set said = '(thought) ' + said %}{% endif %}{{ '<|' +",
    )
    row = every_turn(("Who is it?", "10日です"), ("締切はいつですか", "10日です"))
    example = encode_row(ChatEncoder(tokenizer), row, 200)
    assert isinstance(example, Example)
    assert tokenizer.decode(learnt(example)) == "10日です<|end|>(thought) 10日です<|end|>"
