"""What takes a release back, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import metric_math

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


@pytest.mark.parametrize("name", ["Errors", "Latency"])
def test_an_alarm_looks_back_on_no_more_than_a_release_bakes(
    synthesis: Synthesis, name: str
) -> None:
    periods = {m["MetricStat"]["Period"] for m in alarm(synthesis, name)["Metrics"][1:]}
    assert periods == {300}
    for model in synthesis.environment.models.values():
        bakes = model.endpoint.release.bake_seconds
        assert bakes >= 300 or (bakes, model.endpoint.release.traffic) == (0, "all_at_once")
