"""Answers that people find bad turn the loop, once enough of them were judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import matches, metric_math

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis


@pytest.fixture
def resources(syntheses: dict[str, Synthesis]) -> dict[str, dict[str, Any]]:
    """Those of the one environment that has the rule, by their construct's name."""
    found = [one for one in syntheses["longest"].resources() if "/QualityLook-" in f"/{one.path}"]
    return {one.path.split("/")[1]: one.properties for one in found}


@pytest.mark.parametrize(
    ("judged", "share", "rings"),
    [(19, 1.0, False), (20, 0.39, False), (20, 0.4, True), (500, 0.39, False), (500, 0.9, True)],
)
def test_the_share_counts_once_enough_were_judged(
    resources: dict[str, dict[str, Any]], judged: int, share: float, rings: bool
) -> None:
    alarm = resources["Alarm"]
    [expression] = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    result = metric_math(expression, {"judged": judged, "bad": share})
    assert result is not None
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (result >= alarm["Threshold"]) is rings


def test_it_is_the_metric_that_feedback_gives(resources: dict[str, dict[str, Any]]) -> None:
    stats = [one["MetricStat"] for one in resources["Alarm"]["Metrics"] if "MetricStat" in one]
    assert {one["Stat"] for one in stats} == {"SampleCount", "Average"}
    for one in stats:
        metric = one["Metric"]
        assert (metric["Namespace"], metric["MetricName"]) == ("Meguru", "AnswerFoundBad")
        assert {each["Name"]: each["Value"] for each in metric["Dimensions"]} == {
            "environment": "e" * 20,
            "model": "N" * 63,
        }
        assert one["Period"] == 24 * 3600


def test_the_alarm_asks_for_curation_and_tells_a_person(
    resources: dict[str, dict[str, Any]],
) -> None:
    rule = resources["Fallen"]
    [target] = rule["Targets"]
    assert target["Input"] == '{"look":"quality"}'
    assert "Queue" in repr(target["Arn"])
    assert len(resources["Alarm"]["AlarmActions"]) == 1
    pattern = {**rule["EventPattern"], "resources": ["alarm"]}
    event = {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "resources": ["alarm"],
    }
    assert matches(pattern, {**event, "detail": {"state": {"value": "ALARM"}}})
    assert not matches(pattern, {**event, "detail": {"state": {"value": "OK"}}})


def test_without_the_rule_there_is_no_alarm(syntheses: dict[str, Synthesis]) -> None:
    assert not [one for one in syntheses["poc"].resources() if "QualityLook" in one.path]
