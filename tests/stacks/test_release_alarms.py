"""What takes a release back, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import metric_math

from meguru.release_alarm import fingerprint_as_described

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis


def alarm(synthesis: Synthesis, name: str) -> dict[str, Any]:
    # Of the first model, where there are several.
    found, *_ = [
        resource.properties
        for resource in synthesis.resources("AWS::CloudWatch::Alarm")
        if resource.path.endswith(f"ModelRelease/EndpointAlarms/{name}/Resource")
    ]
    return found


def rings(alarm: dict[str, Any], invocations: float, value: float) -> bool:
    """Whether an alarm goes off after a period of these."""
    metrics = {metric["Id"]: metric for metric in alarm["Metrics"]}
    [expression] = [one["Expression"] for one in metrics.values() if "Expression" in one]
    result = metric_math(expression, {"invocations": invocations, "value": value})
    assert result is not None
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    return bool(result > alarm["Threshold"])


@pytest.mark.parametrize(
    ("invocations", "errors", "is_bad"),
    [
        (1, 1, False),
        (19, 19, False),
        (20, 1, False),
        (20, 2, True),
        (1000, 50, False),
        # A canary of a tenth that answers nothing but errors.
        (1000, 100, True),
    ],
)
def test_errors_count_by_their_share(
    synthesis: Synthesis, invocations: int, errors: int, is_bad: bool
) -> None:
    assert rings(alarm(synthesis, "Errors"), invocations, errors) == is_bad


@pytest.mark.parametrize(
    ("invocations", "seconds", "is_bad"), [(1, 59, False), (20, 29, False), (20, 31, True)]
)
def test_slow_answers_count(
    synthesis: Synthesis, invocations: int, seconds: float, is_bad: bool
) -> None:
    assert rings(alarm(synthesis, "Latency"), invocations, seconds * 1_000_000) == is_bad


def test_overload_is_no_error_of_the_version(synthesis: Synthesis) -> None:
    """The container answers 429, which SageMaker counts in another metric."""
    metrics = [m["MetricStat"]["Metric"] for m in alarm(synthesis, "Errors")["Metrics"][1:]]
    assert {metric["MetricName"] for metric in metrics} == {"Invocation5XXErrors", "Invocations"}


@pytest.mark.parametrize(
    ("name", "percent"),
    [("GuardedAnswers", 20), ("EmptyAnswers", 10), ("RepeatedAnswers", 20), ("ThumbsDown", 10)],
)
def test_bad_answers_count_by_their_share(synthesis: Synthesis, name: str, percent: int) -> None:
    watched = alarm(synthesis, name)
    assert not rings(watched, 19, 19)
    assert not rings(watched, 100, percent)
    assert rings(watched, 100, percent + 1)
    # However few of all requests the new version gets.
    for metric in watched["Metrics"][1:]:
        dimensions = metric["MetricStat"]["Metric"]["Dimensions"]
        assert {"Name": "version", "Value": "new"} in dimensions


def test_a_person_s_stop_rings_at_once(synthesis: Synthesis) -> None:
    stopped = alarm(synthesis, "Stopped")
    [metric] = [one["MetricStat"] for one in stopped["Metrics"] if "MetricStat" in one]
    assert (metric["Period"], metric["Stat"], stopped["Threshold"]) == (60, "Sum", 0)
    assert metric["Metric"]["MetricName"] == "ReleaseStopped"


def test_a_release_knows_each_alarm_by_what_it_watches(synthesis: Synthesis) -> None:
    """As CloudWatch describes the alarm that CloudFormation makes of the template."""
    made = {
        resource.logical_id: fingerprint_as_described(resource.properties)
        for resource in synthesis.resources("AWS::CloudWatch::Alarm")
        if "ModelRelease/EndpointAlarms/" in resource.path
    }
    assert "" not in made.values()
    told = [
        (name["Ref"], told.strip('[]",').partition('"')[0])
        for function in synthesis.resources("AWS::Lambda::Function")
        if (joined := _alarms_of(function.properties))
        for name, told in zip(joined[1::2], joined[2::2], strict=True)
    ]
    assert dict(told) == made


def _alarms_of(properties: dict[str, Any]) -> list[Any]:
    value = properties.get("Environment", {}).get("Variables", {}).get("ALARMS", {})
    parts: list[Any] = value["Fn::Join"][1] if value else []
    return parts


@pytest.mark.parametrize("name", ["Errors", "Latency", "EmptyAnswers", "ThumbsDown"])
def test_an_alarm_looks_back_on_no_more_than_a_release_bakes(
    synthesis: Synthesis, name: str
) -> None:
    periods = {m["MetricStat"]["Period"] for m in alarm(synthesis, name)["Metrics"][1:]}
    assert periods == {300}
    for model in synthesis.environment.models.values():
        bakes = model.endpoint.release.bake_seconds
        assert bakes >= 300 or (bakes, model.endpoint.release.traffic) == (0, "all_at_once")
