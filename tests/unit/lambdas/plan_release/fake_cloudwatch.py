"""CloudWatch as a release looks at it: alarms, and how many samples metrics have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from meguru.release_alarm import Watched

SETTLED = datetime(2026, 1, 1, tzinfo=UTC)


def described(
    name: str, expression: str, threshold: float, watched: Iterable[Watched]
) -> dict[str, Any]:
    """A quiet alarm as DescribeAlarms gives it."""
    measured = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [{"Name": key, "Value": dimensions[key]} for key in dimensions],
                },
                "Period": 300,
                "Stat": statistic,
            },
            "ReturnData": False,
        }
        for number, (namespace, metric, statistic, dimensions) in enumerate(watched)
    ]
    return {
        "AlarmName": name,
        "StateValue": "OK",
        "StateUpdatedTimestamp": SETTLED,
        "ActionsEnabled": True,
        "Threshold": float(threshold),
        "Metrics": [{"Id": "e", "Expression": expression, "ReturnData": True}, *measured],
    }


class FakeCloudWatch:
    """`samples` are the numbers of samples by the metric's name; without one there are many."""

    def __init__(self, alarms: list[dict[str, Any]]) -> None:
        self.alarms = alarms
        self.samples: dict[str, float] = {}
        self.asked: list[dict[str, Any]] = []

    def describe_alarms(self, **request: Any) -> dict[str, Any]:
        found = [one for one in self.alarms if one["AlarmName"] in request["AlarmNames"]]
        return {"MetricAlarms": found}

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        number = self.samples.get(request["MetricName"], 100.0)
        return {"Datapoints": [{"SampleCount": number}] if number else []}
