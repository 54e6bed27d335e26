"""What stays the same when only a text's dress differs, and what does not."""

from __future__ import annotations

import pytest

from curation.normalisation import comparison_key, language_of


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("締め切りは？", "締め切りは"),
        ("When IS it?", "when is it"),
        ("「経費」は、いつ", "経費はいつ"),
        ("1,500円", "1500円"),
        ("１，５００円", "1500円"),
        ("㈱ホシワタリ", "(株)ホシワタリ"),
        ("50㎡", "50 m²"),
        ("1½", "1 1/2"),
        ("5〜10日", "5～10日"),
        ("٣日", "3日"),
        ("締\u200d切", "締切"),
        ("H₂O", "H2O"),
        ("the box, or the bag", "the box or the bag"),
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
        ("10⁶", "106"),
        ("5×10⁻³", "5×10³"),
        ("10₂", "102"),
        ("1½", "11⁄2"),
        ("1½", "½"),
        ("½", "¼"),
        ("1①", "11"),
        ("クラスⅠ、Ⅱ", "クラスⅢ"),
        ("10 MW", "10 mW"),
        ("no, where", "nowhere"),
        ("a = b", "a != b"),
        ("(1+2)×3", "1+2×3"),
        ("3*(a+b)", "3*a+b"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
    ],
)
def test_meaning_differs(left: str, right: str) -> None:
    assert comparison_key(left) != comparison_key(right)


@pytest.mark.parametrize(("text", "language"), [("hello", "en"), ("東京", "ja"), ("ア", "ja")])
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language
