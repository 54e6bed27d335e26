"""A row as a model's tokens, after as many of the turns before its question as fit."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.limits import Refused, SetAside, Shortenings, TooLong

# More tokens than what is left of a conversation can gain by losing a turn: where no control token
# stands between turns, its beginning is read in other pieces than after them.
BORDER_TOKENS = 16


# The label of a token that isn't learnt.
IGNORED = -100


@dataclass(frozen=True)
class Example:
    """The token ids before the answer, and the answer's own with what ends it.

    `is_cut` says that the oldest turns of the row's context were left out; `earlier_answers` is
    where in the prompt a turn stands that is learnt as well.
    """

    row: Row
    prompt: list[int]
    target: list[int]
    is_cut: bool = False
    earlier_answers: tuple[range, ...] = ()

    @property
    def num_tokens(self) -> int:
        return len(self.prompt) + len(self.target)

    @property
    def labels(self) -> list[int]:
        """For each token of prompt and target its id where it is learnt, else IGNORED."""
        labels = [IGNORED] * len(self.prompt)
        for answer in self.earlier_answers:
            labels[answer.start : answer.stop] = self.prompt[answer.start : answer.stop]
        return labels + self.target


def encode_row(encoder: ChatEncoder, row: Row, context_tokens: int) -> Example | SetAside:
    """`row` with as many of the turns before its question as fit, or why none can be made of it."""
    try:
        return _fitted(encoder, row, context_tokens)
    except ValueError as error:
        return Refused(row.record_id, row.source_uri, str(error))


def _fitted(encoder: ChatEncoder, row: Row, context_tokens: int) -> Example | TooLong:
    """`row` with as many of the turns before its question as fit into `context_tokens`.

    Turns bring tokens, so where to cut is found by halving: a long conversation is encoded a few
    times, not once for each of its turns.
    """
    contexts = Shortenings(row.context)
    last = len(contexts) - 1

    def encode(index: int, *, every_answer: bool = False) -> Example:
        encoded = encoder.encode_conversation(
            [*contexts[index], *row.messages[-2:]], every_answer=every_answer
        )
        answers = encoded.earlier_answers
        return Example(row, encoded.prompt, encoded.answer, index > 0, answers)

    def fits_nearly(index: int) -> bool:
        return encode(index).num_tokens <= context_tokens + BORDER_TOKENS

    def attempt(index: int) -> Example:
        """Earlier answers are looked for only where there is room: it takes its time."""
        example = encode(index)
        if example.num_tokens > context_tokens or not learns_earlier_answers(row):
            return example
        return encode(index, every_answer=True)

    example = attempt(0)
    if example.num_tokens <= context_tokens:
        return example
    # None before it fits, by more than a border is worth; from here on each is tried.
    first = bisect_left(range(last), True, lo=1, key=fits_nearly)
    for index in range(first, last + 1):
        example = attempt(index)
        if example.num_tokens <= context_tokens:
            return example
    return TooLong(row.record_id, row.source_uri, example.num_tokens, context_tokens)


def learns_earlier_answers(row: Row) -> bool:
    is_said = any(message["role"] == "assistant" for message in row.context)
    return row.train_turns == "all" and is_said
