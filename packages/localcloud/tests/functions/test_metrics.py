"""The metrics Lambda keeps of its functions, and those that functions embed in their logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.functions.service import LambdaService
from localcloud.monitoring.alarms import CloudWatchService

SOURCE = """
    import json, time
    def handler(event, context):
        if event: raise ValueError
        metric = {"Namespace": "Own", "Dimensions": [[]], "Metrics": [{"Name": "Seen"}]}
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}
        print(json.dumps({"_aws": about, "Seen": 7}))
"""


@pytest.fixture
def watched(account_of: Any) -> Iterator[Any]:
    with Cloud(services=[LambdaService, CloudWatchService]) as cloud:
        yield account_of(cloud)


def total(account: Any, namespace: str, metric: str, **dimensions: str) -> float:
    now = account.cloud.clock.now()
    points = account.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_invocations_errors_throttles_and_embedded_metrics(watched: Any) -> None:
    name = watched.function(SOURCE)
    for fail in (False, False, True):
        watched.api.invoke(FunctionName=name, Payload=json.dumps(fail))
    watched.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(watched.api.exceptions.TooManyRequestsException):
        watched.api.invoke(FunctionName=name)
    assert watched.service.log_writer.flush()
    assert total(watched, "AWS/Lambda", "Invocations", FunctionName=name) == 3
    assert total(watched, "AWS/Lambda", "Errors", FunctionName=name) == 1
    assert total(watched, "AWS/Lambda", "Throttles", FunctionName=name) >= 1
    assert total(watched, "AWS/Lambda", "Duration", FunctionName=name) > 0
    assert total(watched, "Own", "Seen") == 14


def test_what_a_function_measures_is_of_the_cloud_s_time(watched: Any) -> None:
    name = watched.function(SOURCE)
    watched.cloud.clock.advance(timedelta(hours=2))
    watched.api.invoke(FunctionName=name, Payload="false")
    assert watched.service.log_writer.flush()
    assert total(watched, "Own", "Seen") == 7
