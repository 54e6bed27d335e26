"""The gate: nothing passes that is missing, not a number, or too low."""

from __future__ import annotations

import math

import pytest

from meguru.gate import Thresholds, decide

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
