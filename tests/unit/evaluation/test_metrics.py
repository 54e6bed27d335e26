"""Metrics: widths don't matter, words do."""

from __future__ import annotations

import pytest

from evaluation.metrics import (
    Sample,
    by_language,
    exact_match,
    longest_common,
    rouge_l,
    statistics_of,
)
from evaluation.words import language_of, words
from meguru.dataset_version import Row


def chrf(samples: list[Sample]) -> float:
    return statistics_of(samples)["chrf"].value


def sample(answer: str, expected: str, language: str = "ja") -> Sample:
    return Sample(Row.of_question("r", "q", expected, "g", language, "held_out"), answer)


@pytest.mark.parametrize(
    ("answer", "exact"),
    [
        ("10日までに申請", True),
        ("１０日までに申請", True),
        (" 10日までに申請\n", True),
        ("10日まで申請", False),
        ("¹⁰日までに申請", False),
        ("", False),
    ],
)
def test_exact_match_is_in_any_width(answer: str, exact: bool) -> None:
    assert sample(answer, "10日までに申請").exact is exact


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("106個", "10⁶個"),
        ("2 m", "² m"),
        ("1/2 カップ", "½ カップ"),
        ("12 を押す", "①② を押す"),
        ("(株)巡", "㈱巡"),
        ("IV 章", "Ⅳ 章"),
        ("キロ", "㌔"),
        ("h2o", "h₂o"),
        ("a", "ª"),
        ("神田", "\ufa19田"),
    ],
)
def test_what_means_something_else_is_another_answer(answer: str, expected: str) -> None:
    for said, right in ((answer, expected), (expected, answer)):
        assert not sample(said, right).exact
        assert chrf([sample(said, right)]) < 100
        assert chrf([sample(said, said)]) == 100


def test_chrf_grades_japanese_by_characters() -> None:
    near = chrf([sample("毎月10日までに申請してください", "毎月11日までに申請してください")])
    far = chrf([sample("総務部です", "毎月11日までに申請してください")])
    assert far < 20 < 60 < near < 100


def test_languages_are_measured_apart() -> None:
    samples = [sample("a", "a", "en"), sample("a", "b", "en"), sample("あ", "あ")]
    assert exact_match(samples) == pytest.approx(2 / 3)
    languages = by_language(samples)
    assert (languages["en"]["exact_match"], languages["ja"]["exact_match"]) == (0.5, 1.0)
    assert languages["en"]["num_held_out"] == 2


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("毎月10日までに。", "ja", ["毎月", "10", "日", "まで", "に", "。"]),
        ("Don't stop.", "en", ["Don't", "stop", "."]),
        ("", "ja", []),
        (" \n", "ja", []),
        ("", "en", []),
    ],
)
def test_words_are_those_of_the_language(text: str, language: str, expected: list[str]) -> None:
    assert words(text, language) == expected


def test_a_text_longer_than_sudachi_takes_has_all_its_words() -> None:
    assert "".join(words("休暇。" * 20_000, "ja")) == "休暇。" * 20_000


@pytest.mark.parametrize(
    ("text", "language"), [("締切は?", "ja"), ("ﾊﾝｶｸ", "ja"), ("Café", "en"), ("", "en")]
)
def test_language_is_told_by_its_letters(text: str, language: str) -> None:
    assert language_of(text) == language


def test_bleu_takes_the_words_of_each_pair_s_own_language() -> None:
    pairs = [("毎月10日までに申請してください。", "ja"), ("Apply by the tenth day, please.", "en")]
    right = [sample(text, text, language) for text, language in pairs]
    assert statistics_of(right)["bleu"].value == pytest.approx(100)
    # Without words, a Japanese sentence is one long one, and a change of one character all wrong.
    near = sample("毎月11日までに申請してください。", pairs[0][0])
    assert 30 < statistics_of([near])["bleu"].value < 90


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [("abcbdab", "bdcaba", 4), ("", "a", 0), ("a", "", 0), ("abc", "abc", 3), ("abc", "xyz", 0),
     ("aaaa", "aa", 2), ("x" * 200 + "y", "y" + "x" * 150, 150)],
)  # fmt: skip
def test_longest_common_subsequence(first: str, second: str, length: int) -> None:
    assert longest_common(list(first), list(second)) == length


def test_rouge_counts_words_in_their_order() -> None:
    assert rouge_l(sample("締切は10日です", "締切は10日です")) == 1
    assert rouge_l(sample("", "締切は10日です")) == 0
    assert rouge_l(sample("a b c d", "a x c y", "en")) == 0.5


@pytest.mark.parametrize(
    ("answer", "expected", "matches"),
    [
        ("10日です", "１０日です。", True),
        ("ON DAY 25", "On day 25.", True),
        ("On day 26.", "On day 25.", False),
        ("!", "?", False),
        ("?", "?", True),
    ],
)
def test_normalised_match_leaves_marks_and_case_out(
    answer: str, expected: str, matches: bool
) -> None:
    assert statistics_of([sample(answer, expected)])["normalised_match"].value == matches


def test_perplexity_is_of_all_tokens_together() -> None:
    row = sample("a", "a").row
    samples = [Sample(row, "a", loss=2.0, num_tokens=1), Sample(row, "a", loss=0.0, num_tokens=3)]
    found = statistics_of(samples)
    assert found["loss"].value == 0.5
    assert found["perplexity"].value == pytest.approx(1.6487, abs=1e-4)


def test_what_was_not_measured_is_no_metric() -> None:
    assert not {"loss", "perplexity", "judge"} & statistics_of([sample("a", "a")]).keys()
