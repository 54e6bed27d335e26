"""Planted pairs of records: rewordings that say the same, and look-alikes that say something else.

A base is a question and an answer; each line under it is a kind and what is put in place of what,
wherever it stands in the two. `=` says the same afterwards, `!` something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SETS = ("tuned", "held_out")


@dataclass(frozen=True)
class Pair:
    """Two records, each a question and an answer, and whether they say the same."""

    kind: str
    is_same: bool
    left: tuple[str, str]
    right: tuple[str, str]


def read_pairs(name: str) -> list[Pair]:
    """The pairs of `NAME.txt`; ValueError where a line changes nothing of its base."""
    pairs: list[Pair] = []
    for block in (FOLDER / f"{name}.txt").read_text("utf-8").strip().split("\n\n"):
        question, answer, *changes = block.split("\n")
        pairs += [_pair((question, answer), change) for change in changes]
    return pairs


def _pair(base: tuple[str, str], line: str) -> Pair:
    mark, kind, *replacements = line.split("|")
    changed = "\n".join(base)
    for replacement in replacements:
        old, new = replacement.split(" → ")
        if old not in changed:
            raise ValueError(f"{old!r} is not in {changed!r}")
        changed = changed.replace(old, new)
    question, answer = changed.split("\n")
    if mark not in ("=", "!") or (question, answer) == base:
        raise ValueError(f"{line!r} changes nothing of {base}")
    return Pair(kind, mark == "=", base, (question, answer))
