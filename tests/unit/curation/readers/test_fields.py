"""Names of fields as people write them."""

from __future__ import annotations

import pytest

from curation.readers.fields import field_of, listed


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("question", "question"),
        (" Question ", "question"),
        ("Ｑ", "question"),
        ("Q.", "question"),
        ("質問", "question"),
        ("質　問", "question"),
        ("\ufeff問い", "question"),
        ("ANSWER:", "answer"),
        ("ａｎｓ\u200bｗｅｒ", "answer"),
        ("答え", "answer"),
        ("言い換え", "phrasings"),
        ("Instruction", "instruction"),
        (" Messages", "messages"),
        ("", None),
        ("questions answered", None),
        ("q" * 1_000_000, None),
    ],
)
def test_field(name: str, field: str | None) -> None:
    assert field_of(name) == field


def test_many_and_long_names_are_cut() -> None:
    said = listed([str(number) * 100 for number in range(100)])
    assert len(said) < 700 and said.endswith("and 88 more")
