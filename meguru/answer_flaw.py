"""What is wrong with an answer by itself, whatever was asked: nothing said, or the same again."""

from __future__ import annotations

GUARDED, EMPTY, REPEATED = "guarded", "empty", "repeated"
# Sequences of so many characters are compared: words of Japanese have no spaces between them.
NUM_CHARACTERS = 8
# A loop, once begun, goes on to the end: so much of the end is looked at, and less tells nothing.
TAIL_CHARACTERS, FEWEST_CHARACTERS = 400, 80
# Prose has some 0.05, tables and lists seldom more than 0.4; a loop of a paragraph has 0.5.
REPEATED_SHARE = 0.5


def flaw_of(text: str) -> str:
    """`EMPTY`, `REPEATED`, or nothing."""
    if not text.strip():
        return EMPTY
    return REPEATED if repeated_share(text) >= REPEATED_SHARE else ""


def repeated_share(text: str) -> float:
    """Of the sequences of characters at the end of a text, how many were there before: 0 to 1.

    Source: seq-rep-n of Welleck et al., "Neural Text Generation with Unlikelihood Training" (2019):
    one less the share of n-grams that are different from one another. Here they are of characters.
    """
    tail = text.strip()[-TAIL_CHARACTERS:]
    if len(tail) < FEWEST_CHARACTERS:
        return 0.0
    num_sequences = len(tail) - NUM_CHARACTERS + 1
    different = {tail[start : start + NUM_CHARACTERS] for start in range(num_sequences)}
    return 1 - len(different) / num_sequences
