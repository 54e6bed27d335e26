"""Rows and samples for tests of what is measured of them."""

from __future__ import annotations

from evaluation.metrics import Sample
from meguru.dataset_version import Row


def make_row(
    question: str,
    answer: str = "10日です。",
    split: str = "held_out",
    name: str = "",
    language: str = "ja",
) -> Row:
    """A row that is its own group; it is called by its question where it has no `name`."""
    name = name or question
    return Row.of_question(name, question, answer, name, language, split)


def make_sample(answer: str, expected: str, name: str = "r", language: str = "ja") -> Sample:
    row = make_row("q", expected, name=name, language=language)
    return Sample(row, answer)


def make_samples(num_right: int, num_wrong: int) -> list[Sample]:
    right = [make_sample("10日です。", "10日です。", f"r{n}") for n in range(num_right)]
    wrong = [make_sample("総務部です。", "10日です。", f"w{n}") for n in range(num_wrong)]
    return right + wrong
