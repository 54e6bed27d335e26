"""The gate: nothing passes that is missing, not a number, or too low."""

from __future__ import annotations

import math

import pytest

from meguru.gate import ENOUGH_GROUPS, Difference, Interval, Thresholds, decide

FLOOR = Thresholds(minimum={"exact_match": 0.5}, maximum_drop={})
DROP = Thresholds(minimum={}, maximum_drop={"exact_match": 0.1})


def test_passes_at_the_floor() -> None:
    assert decide({"exact_match": 0.5}, FLOOR).passed


def test_below_the_floor_says_by_how_much() -> None:
    decision = decide({"exact_match": 0.49999}, FLOOR)
    assert decision.reasons == ("exact_match is 0.49999, below the threshold 0.5",)


@pytest.mark.parametrize("thresholds", [FLOOR, DROP])
@pytest.mark.parametrize("serving", [None, {}, {"exact_match": 0.9}])
def test_missing_metric_is_refused(
    thresholds: Thresholds, serving: dict[str, float] | None
) -> None:
    decision = decide({"chrf": 99.0}, thresholds, serving)
    assert decision.reasons == ("exact_match is missing from the evaluation",)


@pytest.mark.parametrize("thresholds", [FLOOR, DROP])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("serving", [None, {"exact_match": 0.9}])
def test_no_number_is_refused(
    thresholds: Thresholds, value: float, serving: dict[str, float] | None
) -> None:
    (reason,) = decide({"exact_match": value}, thresholds, serving).reasons
    assert "not a number to compare" in reason


@pytest.mark.parametrize(
    ("value", "serving", "passed"),
    [
        (0.8, 0.9, True),
        # 0.8 - 0.1 is a little more than 0.7 in binary.
        (0.7, 0.8, True),
        (0.69, 0.8, False),
        (0.95, 0.8, True),
        (0.0, math.nan, True),
    ],
)
def test_drop_below_the_serving_model(value: float, serving: float, passed: bool) -> None:
    assert decide({"exact_match": value}, DROP, {"exact_match": serving}).passed is passed


def test_serving_model_without_the_metric() -> None:
    assert decide({"exact_match": 0.1}, DROP, {"chrf": 80.0}).passed


def test_every_reason_is_given() -> None:
    both = Thresholds(minimum={"exact_match": 0.5, "chrf": 60}, maximum_drop={"exact_match": 0.1})
    decision = decide({"exact_match": 0.2}, both, {"exact_match": 0.8})
    assert decision.reasons == (
        "exact_match is 0.2, below the threshold 0.5",
        "exact_match is 0.2, more than 0.1 below the serving model's 0.8",
        "chrf is missing from the evaluation",
    )


def interval(low: float, high: float, num_groups: int = 400) -> Interval:
    return Interval(low, high, num_groups)


@pytest.mark.parametrize(
    ("low", "num_groups", "passed"),
    [
        (0.5, 400, True),
        (0.49, 400, False),
        (0.49, ENOUGH_GROUPS, False),
        # Of few questions the value counts, and it is said so.
        (0.2, ENOUGH_GROUPS - 1, True),
    ],
)
def test_the_lower_bound_has_to_reach_the_floor(low: float, num_groups: int, passed: bool) -> None:
    found = {"exact_match": interval(low, 0.8, num_groups)}
    decision = decide({"exact_match": 0.6}, FLOOR, intervals=found)
    assert decision.passed is passed
    assert bool(decision.notes) is (num_groups < ENOUGH_GROUPS)


def test_the_note_says_how_wide_few_questions_make_it() -> None:
    found = {"exact_match": interval(0.31, 0.83, 12)}
    [note] = decide({"exact_match": 0.6}, FLOOR, intervals=found).notes
    assert "0.6 on 12 questions, too few to hold its interval (0.31 to 0.83)" in note


@pytest.mark.parametrize(
    ("value", "low", "high", "num_groups", "passed"),
    [
        (0.0, -0.03, 0.03, 400, True),
        (0.0, 0.0, 0.0, 400, True),
        (-0.05, -0.12, 0.02, 400, False),
        (-0.11, -0.3, 0.1, 10, False),
        # What is fallen by at most 0.1, most likely, may be more than that.
        (-0.05, -0.06, -0.04, 400, True),
        # Chance alone is more than the drop that is allowed.
        (-0.05, -0.2, 0.1, 400, True),
        (-0.05, -0.12, 0.02, 50, True),
    ],
)
def test_a_drop_is_held_by_the_paired_interval(
    value: float, low: float, high: float, num_groups: int, passed: bool
) -> None:
    found = {"exact_match": Difference(value, interval(low, high, num_groups))}
    # What the version was registered with, on other questions, does not count then.
    decision = decide({"exact_match": 0.7}, DROP, {"exact_match": 0.99}, differences=found)
    assert decision.passed is passed


def test_a_metric_without_a_difference_is_held_against_what_is_known() -> None:
    found = {"chrf": Difference(0.0, interval(-1, 1))}
    decision = decide({"exact_match": 0.7}, DROP, {"exact_match": 0.9}, differences=found)
    assert decision.reasons == ("exact_match is 0.7, more than 0.1 below the serving model's 0.9",)


def test_a_leak_is_refused_however_good_the_metrics() -> None:
    leaks = {"exact": 0, "normalised": 2, "near": 1}
    [reason] = decide({"exact_match": 1.0}, FLOOR, leaks=leaks).reasons
    assert reason.startswith("3 held-out questions are in the training split (2 normalised, 1 near")
    assert decide({"exact_match": 1.0}, FLOOR, leaks=dict.fromkeys(leaks, 0)).passed
