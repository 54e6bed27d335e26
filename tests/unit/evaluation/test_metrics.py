"""Metrics: widths don't matter, words do."""

from __future__ import annotations

import pytest

from evaluation.metrics import Sample, by_language, exact_match, statistics_of
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
