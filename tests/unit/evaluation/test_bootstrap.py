"""Bootstrap intervals: they hold what they promise, and are the same on every run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.bootstrap import Interval, differences, intervals
from evaluation.metrics import Sample, Statistics, statistics_of
from tests.unit.evaluation.answers import make_samples


def share(values: list[bool]) -> Statistics:
    rows = np.array([[float(value), 1.0] for value in values])
    return Statistics(rows, lambda sums: float(sums[0] / sums[1]), is_share=True)


def groups_of(samples: list[Sample]) -> list[str]:
    return [sample.row.group_id for sample in samples]


def found(interval: Interval | None) -> Interval:
    assert interval is not None
    return interval


def test_the_interval_holds_the_value_and_is_the_same_on_every_run() -> None:
    samples = make_samples(30, 10)
    first = intervals(statistics_of(samples), groups_of(samples))
    assert first == intervals(statistics_of(samples), groups_of(samples))
    for interval in first.values():
        assert found(interval).low < found(interval).value < found(interval).high


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        values = list(random.random(80) < 0.7)
        interval = found(intervals({"x": share(values)}, list(map(str, range(80))))["x"])
        held += interval.low <= 0.7 <= interval.high
    assert 88 <= held <= 100


def test_more_questions_narrow_it() -> None:
    few, many = make_samples(6, 4), make_samples(60, 40)
    wide = found(intervals(statistics_of(few), groups_of(few))["chrf"])
    narrow = found(intervals(statistics_of(many), groups_of(many))["chrf"])
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_phrasings_of_one_answer_say_no_more_than_one() -> None:
    values = [True, False] * 8
    alone = found(intervals({"x": share(values)}, list(map(str, range(16))))["x"])
    four_times = found(
        intervals({"x": share([v for v in values for _ in range(4)])},
                  [str(n) for n in range(16) for _ in range(4)])["x"]
    )  # fmt: skip
    assert (four_times.low, four_times.high) == (alone.low, alone.high)
    assert four_times.num_groups == 16


def test_nothing_but_right_answers_are_no_certainty() -> None:
    interval = found(intervals({"x": share([True] * 12)}, list(map(str, range(12))))["x"])
    assert 0.7 < interval.low < 0.9
    assert interval.high == 1.0


def test_one_group_has_no_interval() -> None:
    assert intervals({"x": share([True])}, ["a"]) == {"x": None}
    assert intervals({"x": share([True, False])}, ["a", "a"]) == {"x": None}


def test_the_same_answers_differ_by_nothing() -> None:
    samples = make_samples(5, 5)
    statistics = statistics_of(samples)
    for interval in differences(statistics, statistics, groups_of(samples)).values():
        assert (found(interval).low, found(interval).high) == (0, 0)


def test_paired_differences_are_narrower_than_the_metrics_own() -> None:
    new, old = make_samples(70, 30), make_samples(70, 30)
    # One answer in a hundred is another: of the rest, chance is the same in both.
    old[0] = replace(old[0], answer="知りません。")
    difference = found(
        differences(statistics_of(new), statistics_of(old), groups_of(new))["exact_match"]
    )
    own = found(intervals(statistics_of(new), groups_of(new))["exact_match"])
    assert difference.value == pytest.approx(0.01)
    assert difference.low >= 0
    assert difference.high - difference.low < (own.high - own.low) / 3
