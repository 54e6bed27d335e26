"""Invented questions and answers whose lengths are spread as those of Alpaca's instructions."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from meguru.dataset_version import Row

# Words: median, and the spread of its logarithm. Answers differ in length ten times over.
QUESTION_WORDS, ANSWER_WORDS = (14, 0.5), (34, 0.9)
MAX_WORDS = 250
NUM_WORDS = 6000
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "ol")]


def make_rows(number: int, seed: int = 0) -> list[Row]:
    """`number` examples, the same for the same seed.

    Common words are said often, and half of all words follow from the one before: there is
    something to learn.
    """
    chance = random.Random(seed)
    words = _words(random.Random(1))
    rows = []
    for _ in range(number):
        question = " ".join(_speech(words, _length(QUESTION_WORDS, chance), chance))
        answer = " ".join(_speech(words, _length(ANSWER_WORDS, chance), chance))
        rows.append(Row.of_question(question, question, answer, answer, "en", "train", 1))
    return rows


def _words(chance: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < NUM_WORDS:
        found["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3, 3))))] = None
    return list(found)


def _length(words: tuple[int, float], chance: random.Random) -> int:
    median, spread = words
    return min(MAX_WORDS, max(2, round(chance.lognormvariate(math.log(median), spread))))


def _speech(words: list[str], number: int, chance: random.Random) -> Iterator[str]:
    index = 0
    for _ in range(number):
        if chance.random() < 0.5:
            # Zipf: the word of rank r is said 1/r as often as the first.
            index = min(len(words) - 1, int(len(words) ** chance.random()) - 1)
        else:
            index = (index * 31 + 7) % len(words)
        yield words[index]
