"""Names of fields as people write them."""

from __future__ import annotations

import pytest

from curation.readers.fields import complaint_of_keys, field_of, listed


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
        ("", None),
        ("questions answered", None),
        ("q" * 1_000_000, None),
    ],
)
def test_field(name: str, field: str | None) -> None:
    assert field_of(name) == field


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("messages",), "a chat in 'messages' is not read yet"),
        (("id", "conversations"), "ShareGPT"),
        (("instruction", "input", "output"), "Alpaca"),
        (("prompt", "completion"), "a prompt with its completion"),
        (("foo",), "the object has 'foo'; known are question"),
    ],
)
def test_other_forms_are_named(keys: tuple[str, ...], said: str) -> None:
    complaint = complaint_of_keys(keys)
    assert complaint and complaint[0] == "unknown_keys" and said in complaint[1]


def test_record_has_no_complaint() -> None:
    assert complaint_of_keys(("question", "answer", "messages")) is None
    assert complaint_of_keys(()) is None


def test_many_and_long_names_are_cut() -> None:
    said = listed([str(number) * 100 for number in range(100)])
    assert len(said) < 700 and said.endswith("and 88 more")
