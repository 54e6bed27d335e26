"""A row as a model's tokens, after as many of the turns before its question as fit."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.limits import Shortenings, TooLong

# More tokens than what is left of a conversation can gain by losing a turn: where no control token
# stands between turns, its beginning is read in other pieces than after them.
BORDER_TOKENS = 16


@dataclass(frozen=True)
class Example:
    """The token ids before the answer, and the answer's own with what ends it.

    `is_cut` says that the oldest turns of the row's context were left out.
    """

    row: Row
    prompt: list[int]
    target: list[int]
    is_cut: bool = False

    @property
    def num_tokens(self) -> int:
        return len(self.prompt) + len(self.target)


def encode_row(encoder: ChatEncoder, row: Row, context_tokens: int) -> Example | TooLong:
    """`row` with as many of the turns before its question as fit into `context_tokens`.

    Turns bring tokens, so where to cut is found by halving: a long conversation is encoded a few
    times, not once for each of its turns.
    """
    contexts = Shortenings(row.context)
    last = len(contexts) - 1

    def encode(index: int) -> Example:
        question = {"role": "user", "content": row.question}
        answer = {"role": "assistant", "content": row.answer}
        encoded = encoder.encode_conversation([*contexts[index], question, answer])
        return Example(row, encoded.prompt, encoded.answer, is_cut=index > 0)

    def fits_nearly(index: int) -> bool:
        return encode(index).num_tokens <= context_tokens + BORDER_TOKENS

    example = encode(0)
    if example.num_tokens <= context_tokens:
        return example
    # None before it fits, by more than a border is worth; from here on each is tried.
    first = bisect_left(range(last), True, lo=1, key=fits_nearly)
    for index in range(first, last + 1):
        example = encode(index)
        if example.num_tokens <= context_tokens:
            return example
    return TooLong(row.record_id, row.source_uri, example.num_tokens, context_tokens)
