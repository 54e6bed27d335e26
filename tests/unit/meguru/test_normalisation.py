"""Each rule changes what it names; nothing changes what a text says or how it is laid out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.normalisation import RULES, normalise, read_rules, rules_that_change


@pytest.mark.parametrize(
    ("text", "uniform", "rule"),
    [
        ("a\r\nb\rc\u2028d\x85e\x0cf", "a\nb\nc\nd\ne\nf", "line_ends"),
        ("a\x00b\x1bc\x7f", "abc", "control_characters"),
        ("a\u200bb\ufeffc\u00ad\u2060", "abc", "invisible_characters"),
        ("ＡＢＣ１２３", "ABC123", "full_width_letters"),
        (
            "１．５％、ｉｎｆｏ＠ｅｘａｍｐｌｅ．ｃｏｍ",
            "1.5%、info@example.com",
            "full_width_letters",
        ),
        ("ｶﾀｶﾅﾊﾟﾋﾟ｡", "カタカナパピ。", "half_width_katakana"),
        ("⽇本", "日本", "radicals"),
        ("全角　空白\u00a0幅", "全角 空白 幅", "spaces"),
        ("か\u3099", "が", "composition"),
        ("  a b \n", "a b", "margins"),
        ("\n \n  a\n  b\n\n", "  a\n  b", "margins"),
        ("\u200d\ufe0f", "", "margins"),
    ],
)
def test_rule(text: str, uniform: str, rule: str) -> None:
    assert normalise(text, [rule]) == normalise(text) == uniform
    assert rules_that_change(text) == [rule]
    assert normalise(text, set(RULES) - {rule}) != uniform


@pytest.mark.parametrize(
    "text",
    [
        "10⁶ Ω以上、±5×10⁻³、2³ m³、H₂O、x²",
        "水1½に対して¼、⅔、㎡、㌔、℃",
        "①②⑳、㈱、Ⅳ、ⅸ、㍻、№、ﬁ、™",
        "👨\u200d👩\u200d👧 🏴\u200d☠\ufe0f ❤\ufe0f 👍🏽 🇯🇵 1\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "services:\n  web:\n    ports:\n      - 80",
        "def run():\n\tfor d in dirs:\n\t\tsave(d)  # a  b\n\n    return",
        "    x = 1\n    y = 2",
        "|a  |b |\n|---|--|",
        "two lines  \nin Markdown",
        "　字下げ\n　二段落目",
        "「はい」？！（）：，＜｜＞～",
        "神\ufa19社、\ufa11、葛\U000e0100城",
        "می\u200cخواهم",
        "5〜10日、10−3、A–B",
        "e = mc², ∑ xᵢ ≠ ∞",
    ],
)
def test_meaning_and_layout_are_kept(text: str) -> None:
    assert normalise(text) == text
    assert rules_that_change(text) == []


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    assert rules_that_change(normalise(text)) == []


@given(st.text())
def test_off_leaves_all_as_it_is(text: str) -> None:
    assert normalise(text, read_rules("off")) == text


def test_rules_of_a_setting() -> None:
    assert read_rules("on") == RULES
    assert read_rules("composition, line_ends") == ("line_ends", "composition")
    with pytest.raises(ValueError, match="'nfkc' is none of them"):
        read_rules("line_ends,nfkc")
