"""States of alarms from their data points, missing ones above all."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.monitoring.alarm_evaluation import next_state, reason


def alarm(treatment: str = "missing", **options: Any) -> dict[str, Any]:
    return {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "EvaluationPeriods": 3,
        "TreatMissingData": treatment,
        "StateValue": "KEPT",
        **options,
    }


def points(drawn: str) -> list[float | None]:
    """`0` does not breach, `X` does, `-` is missing; oldest first."""
    return [{"0": 1.0, "X": 9.0, "-": None}[c] for c in drawn.replace(" ", "")]


# AWS's own table, for DatapointsToAlarm = EvaluationPeriods = 3:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("drawn", "missing", "ignore", "breaching", "not_breaching"),
    [
        ("0 - X - X", "OK", "OK", "OK", "OK"),
        ("0 - - - -", "OK", "OK", "OK", "OK"),
        ("- - - - -", "INSUFFICIENT_DATA", "KEPT", "ALARM", "OK"),
        ("0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("- - X - -", "ALARM", "KEPT", "ALARM", "OK"),
        ("0 0 X X X", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("X X X X 0", "OK", "OK", "OK", "OK"),
        ("- - - - X", "OK", "KEPT", "ALARM", "OK"),
    ],
)
def test_missing_data_points(
    drawn: str, missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    treatments = ("missing", "ignore", "breaching", "notBreaching")
    states = [next_state(alarm(each), points(drawn)) for each in treatments]
    assert states == [missing, ignore, breaching, not_breaching]


@pytest.mark.parametrize(
    ("drawn", "state"),
    [("0 0 X 0 X", "ALARM"), ("0 0 X 0 0", "OK"), ("X X 0 0 0", "OK"), ("X X 0 0 X", "OK")],
)
def test_some_of_the_data_points_may_do(drawn: str, state: str) -> None:
    assert next_state(alarm(DatapointsToAlarm=2), points(drawn)) == state


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
    ],
)
def test_comparisons(comparison: str, states: list[str]) -> None:
    one = alarm(ComparisonOperator=comparison, EvaluationPeriods=1)
    assert [next_state(one, [None, None, value]) for value in (4.0, 5.0, 6.0)] == states


def test_reasons_are_worded_as_cloudwatch_words_them() -> None:
    assert reason(alarm(), "ALARM", points("0 0 X X X")) == (
        "Threshold Crossed: 3 datapoints [9.0, 9.0, 9.0] were greater than the threshold (5.0)."
    )
    assert "treated as [Breaching]" in reason(alarm("breaching"), "ALARM", points("- - - - -"))
