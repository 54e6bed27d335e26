"""Which answers are flawed whatever was asked, and which only look so."""

from __future__ import annotations

import pytest

from meguru.answer_flaw import flaw_of, repeated_share

PROSE = (
    "有給休暇は入社から六か月後に十日付与されます。申請は三日前までに上長へ行い、承認された後に"
    "システムへ登録してください。半日単位での取得もできますが、年度をまたぐ繰り越しは二十日までです。"
)
TABLE = "| 項目 | 単価 | 数量 |\n|---|---|---|\n" + "".join(
    f"| 部品{number} | {number * 137} 円 | {number % 7} |\n" for number in range(1, 15)
)
CODE = "".join(f"    if name == '{name}':\n        return {name}(1)\n" for name in "abcdefghijk")
LIST = "\n".join(f"{number}. {word}を確認する" for number, word in enumerate(PROSE[:40]))


@pytest.mark.parametrize(
    "text", [PROSE, PROSE * 2, TABLE, LIST, "はい", "ははは", "5日です", "0" * 20]
)
def test_what_is_well(text: str) -> None:
    assert flaw_of(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "はい、" * 60,
        PROSE + "です" * 200,
        PROSE + (PROSE[:60]) * 8,
        "the same again and " * 20,
        "!" * 500,
    ],
)
def test_what_goes_on_and_on(text: str) -> None:
    assert flaw_of(text) == "repeated"


@pytest.mark.parametrize("text", ["", "\n 　"])
def test_what_says_nothing(text: str) -> None:
    assert flaw_of(text) == "empty"


def test_a_share_is_of_what_was_there_before() -> None:
    assert repeated_share("短い") == 0
    assert repeated_share(PROSE) < 0.1
    assert repeated_share("あいうえお" * 40) > 0.95
    assert repeated_share(CODE) < 0.7
