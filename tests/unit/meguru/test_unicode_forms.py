"""Normal forms are Unicode's own for any text that means something, and never take long."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.chat import fold_widths
from meguru.limits import most_tokens
from meguru.normalisation import normalise
from meguru.unicode_forms import MAX_MARKS, Form, _many_marks, normalized

FORMS: list[Form] = ["NFC", "NFKC"]
MARKS = "\u0301\u0316\u0f73\u0344\u3099\uff9e\u05b0\u0e48"


def test_every_mark_of_unicode_is_known() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        # Half-width voicing marks are letters, which NFKC makes marks of.
        first = unicodedata.normalize("NFKD", character)[0]
        is_known = _many_marks().search(character * (MAX_MARKS + 1)) is not None
        assert is_known == (unicodedata.combining(first) > 0), hex(ord(character))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text",
    [
        "e\u0301",
        "か\u3099",
        "ｶﾞ",
        "กำ\u0e48ที\u0e48",
        "हि\u0928\u094d\u0926\u0940",
        "שָׁלוֹם",
        "مُحَمَّدٌ",
        "\u1112\u1161\u11ab",
        "👩\u200d👩\u200d👧\ufe0f",
        "Z" + "\u0316\u0301" * (MAX_MARKS // 2) + "a" + "\u0301\u0316" * (MAX_MARKS // 2),
    ],
)
def test_real_text_is_in_unicodes_own_form(form: Form, text: str) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(st.sampled_from(f"aeかｶ1 \u212b{MARKS}"), max_size=MAX_MARKS // 2))
def test_any_text_with_few_marks_is_in_unicodes_own_form(form: Form, text: str) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(st.sampled_from(f"aか{MARKS}")), num=st.integers(1, 50))
def test_no_text_means_something_else_and_twice_is_once(form: Form, text: str, num: int) -> None:
    once = normalized(form, text * num)
    assert normalized(form, once) == once
    assert unicodedata.normalize(form, once) == unicodedata.normalize(form, text * num)


@pytest.mark.parametrize("form", FORMS)
def test_too_many_marks_keep_their_order_and_the_text_around_is_composed(form: Form) -> None:
    many = "\u0301\u0316" * MAX_MARKS
    assert normalized(form, f"e\u0301 a{many}か\u3099") == f"\u00e9 a{many}が"


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0344\u0316", "\u0301\u0f73", "\uff9e\u0316"])
def test_hostile_marks_take_no_time(marks: str) -> None:
    """Unicode's own way takes 45 s for the 250,000 marks of one request, and four times as long
    for twice as many."""
    text = "a" + marks * 125_000
    started = time.process_time()
    for form in FORMS:
        normalized(form, text)
    normalise(text)
    fold_widths(text)
    most_tokens([{"role": "user", "content": text}])
    assert time.process_time() - started < 3
