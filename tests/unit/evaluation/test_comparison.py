"""Two models on the same questions: pairs, differences, and which answers are worth reading."""

from __future__ import annotations

from dataclasses import replace

from evaluation.comparison import (
    Pair,
    compare_answers,
    compare_pairs,
    least_right,
    pair_up,
    side_by_side,
)
from tests.unit.evaluation.answers import make_sample, make_samples


def pairs(num_better: int, num_worse: int, num_same: int = 0) -> list[Pair]:
    right, wrong = "10日です。", "総務部です。"
    kinds = [(right, wrong)] * num_better + [(wrong, right)] * num_worse
    kinds += [(right, right)] * num_same
    return [
        Pair(make_sample(new, right, str(n)), make_sample(old, right, str(n)))
        for n, (new, old) in enumerate(kinds)
    ]


def test_only_what_both_answered_is_paired() -> None:
    new, old = make_samples(3, 1), make_samples(2, 2)
    assert [pair.new.row.record_id for pair in pair_up(new, old)] == ["r0", "r1", "w0"]


def test_a_judge_s_score_counts_where_both_have_one() -> None:
    new, old = make_samples(2, 0), make_samples(2, 0)
    new = [replace(new[0], judged=1.0), replace(new[1], judged=1.0)]
    old = [replace(old[0], judged=0.5), old[1]]
    compared = compare_pairs(pair_up(new, old))
    assert compared["judge"]["difference"] == 0.5
    assert compared["judge"]["candidate"] == 1.0


def test_each_metric_has_its_difference_with_bounds() -> None:
    compared = compare_pairs(pairs(30, 0, 70))
    assert compared["exact_match"]["difference"] == 0.3
    assert 0.15 < compared["exact_match"]["low"] < 0.3 < compared["exact_match"]["high"] < 0.45
    assert {"chrf", "bleu", "rouge_l", "normalised_match"} <= compared.keys()
    assert compare_pairs([]) == {}


def test_what_became_right_and_wrong_is_counted() -> None:
    answers = compare_answers(pairs(2, 30))
    assert (answers["num_improved"], answers["num_regressed"]) == (2, 30)
    assert len(answers["regressed"]) == 20


def changes(chosen: list[Pair]) -> tuple[int, int, int]:
    signs = [pair.change for pair in chosen]
    return sum(s < 0 for s in signs), sum(s > 0 for s in signs), sum(s == 0 for s in signs)


def test_twenty_are_chosen_for_their_difference() -> None:
    assert changes(side_by_side(pairs(50, 50, 50))) == (10, 10, 0)
    assert changes(side_by_side(pairs(3, 50, 50))) == (17, 3, 0)
    assert changes(side_by_side(pairs(50, 3, 50))) == (3, 17, 0)
    assert changes(side_by_side(pairs(2, 1, 50))) == (1, 2, 17)
    assert changes(side_by_side(pairs(0, 0, 3))) == (0, 0, 3)


def test_what_became_worse_comes_first() -> None:
    assert side_by_side(pairs(5, 5))[0].change < 0


def test_without_another_model_the_wrong_ones_are_read() -> None:
    chosen = least_right(make_samples(30, 5), at_most=10)
    assert [sample.exact for sample in chosen] == [False] * 5 + [True] * 5
