"""Metric filters: what log events make of them, and an alarm on errors in a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.log_filters.metric_filters import record_matches
from localcloud.monitoring.alarms import CloudWatchService


def recorded(pattern: str, messages: list[str], **made: Any) -> list[tuple[Any, ...]]:
    """Dimensions and value of each measurement that the messages make."""
    transformation = {"metricNamespace": "App", "metricName": "m", "metricValue": "1", **made}
    metric_filter = {"filterPattern": pattern, "metricTransformations": [transformation]}
    events = [{"timestamp": 1000, "message": message} for message in messages]
    found: list[tuple[Any, ...]] = []
    record_matches(metric_filter, events, lambda *measured: found.append(measured[2:4]))
    return found


def test_each_match_counts() -> None:
    assert recorded("ERROR", ["ERROR", "fine", "an ERROR"]) == [({}, 1.0), ({}, 1.0)]


def test_values_and_dimensions_come_from_the_event() -> None:
    messages = [
        json.dumps({"latency": 12.5, "path": "/a"}),
        json.dumps({"latency": "soon", "path": "/a"}),
        json.dumps({"latency": 3}),
    ]
    dimensions = {"Path": "$.path"}
    found = recorded(
        '{ $.latency = "*" }', messages, metricValue="$.latency", dimensions=dimensions
    )
    assert found == [({"Path": "/a"}, 12.5)]


def test_a_delimited_field_is_a_value_too() -> None:
    assert recorded("[ip, ..., bytes]", ["1.2.3.4 x y 512"], metricValue="$bytes") == [({}, 512.0)]


def test_the_default_is_recorded_where_nothing_matches() -> None:
    assert recorded("ERROR", ["fine", "fine"], defaultValue=0) == [({}, 0.0)]
    assert recorded("ERROR", ["fine", "ERROR"], defaultValue=0) == [({}, 1.0)]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[CloudWatchService]) as running:
        logs = running.client("logs")
        logs.create_log_group(logGroupName="app")
        logs.create_log_stream(logGroupName="app", logStreamName="one")
        yield running


def put_filter(cloud: Cloud, pattern: str = "ERROR", **made: Any) -> None:
    transformation = {"metricNamespace": "App", "metricName": "Errors", "metricValue": "1", **made}
    cloud.client("logs").put_metric_filter(
        logGroupName="app",
        filterName="errors",
        filterPattern=pattern,
        metricTransformations=[transformation],
    )


def test_an_alarm_on_errors_in_a_log_goes_off(cloud: Cloud) -> None:
    put_filter(cloud, "nothing of the kind")
    put_filter(cloud)  # in place of the first
    assert len(cloud.client("logs").describe_metric_filters()["metricFilters"]) == 1
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="App",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    event = {"timestamp": int(cloud.clock.time() * 1000), "message": "ERROR: no more paper"}
    cloud.client("logs").put_log_events(
        logGroupName="app", logStreamName="one", logEvents=[event, event]
    )
    cloud.clock.advance(timedelta(seconds=60))
    cloud.service(CloudWatchService).evaluate_alarms()
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("{ $.a = }", {}),
        ("ERROR", {"metricValue": "many"}),
        ("ERROR", {"metricValue": "$.a..b"}),
        ("{ $.a = 1 }", {"dimensions": {"A": "a"}}),
        ("{ $.a = 1 }", {"dimensions": {"A": "$.a"}, "defaultValue": 0}),
    ],
)
def test_what_can_not_be_is_refused(cloud: Cloud, pattern: str, made: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException"):
        put_filter(cloud, pattern, **made)


def test_a_log_group_that_is_not_there_is_refused(cloud: Cloud) -> None:
    cloud.client("logs").delete_log_group(logGroupName="app")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        put_filter(cloud)
