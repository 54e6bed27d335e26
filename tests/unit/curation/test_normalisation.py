"""Text made uniform, and what stays the same when only its dress differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.normalisation import comparison_key, language_of, normalise


@pytest.mark.parametrize(
    ("text", "uniform"),
    [
        ("ＡＢＣ１２３", "ABC123"),
        ("ｶﾀｶﾅﾊﾟﾋﾟ", "カタカナパピ"),
        ("①と㈱", "1と(株)"),
        ("か\u3099", "が"),
        ("か\u200b\u3099", "が"),
        ("全角　空白", "全角 空白"),
        ("a\u200bb\ufeffc\u00ad", "abc"),
        ("a\x00b\x1bc", "abc"),
        ("a\x0cb\x0bc\x85d", "a b c d"),
        ("a\u2028b", "a b"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("  a \t b  \n  c ", "a b\nc"),
        ("\u200b \n", ""),
        ("😀", "😀"),
    ],
)
def test_normalise(text: str, uniform: str) -> None:
    assert normalise(text) == uniform


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("締め切りは？", "締め切りは"),
        ("When IS it?", "when is it"),
        ("「経費」は、いつ", "経費はいつ"),
        ("1,500円", "1500円"),
        ("１，５００円", "1500円"),
    ],
)
def test_only_dress_differs(left: str, right: str) -> None:
    assert comparison_key(left) == comparison_key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1.5%", "15%"),
        ("2024.1.15", "2024.11.5"),
        ("10 5", "105"),
        ("5〜10日", "510日"),
        ("1、2", "12"),
        ("1,50", "150"),
        ("?", "!"),
    ],
)
def test_meaning_differs(left: str, right: str) -> None:
    assert comparison_key(left) != comparison_key(right)


@pytest.mark.parametrize(("text", "language"), [("hello", "en"), ("東京", "ja"), ("ア", "ja")])
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language
