"""Metrics in log lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.monitoring.embedded_metrics import read_line


def document(**changes: Any) -> dict[str, Any]:
    directive = {
        "Namespace": "App",
        "Dimensions": [["Service"], ["Service", "Model"], []],
        "Metrics": [
            {"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 1},
            {"Name": "Tokens"},
        ],
    }
    metadata = {"Timestamp": 1_700_000_000_500, "CloudWatchMetrics": [directive]}
    return {
        "_aws": metadata,
        "Service": "chat",
        "Model": "a",
        "Latency": [1, 2.5],
        "Tokens": 7,
        **changes,
    }


def test_each_set_of_dimensions_gets_each_metric() -> None:
    found = read_line(json.dumps(document()))
    assert len(found) == 6
    first = found[0]
    assert (first.namespace, first.name, first.dimensions) == (
        "App",
        "Latency",
        {"Service": "chat"},
    )
    assert (first.values, first.unit, first.at) == ([1.0, 2.5], "Milliseconds", 1_700_000_000.5)
    assert first.high_resolution and not found[1].high_resolution
    assert found[1].values == [7.0] and found[1].unit == "None"
    assert found[-1].dimensions == {}


def test_a_prefix_of_the_log_is_no_obstacle() -> None:
    line = "2026-01-01T00:00:00Z\tid\t" + json.dumps(document())
    assert len(read_line(line)) == 6


def test_a_dimension_that_is_missing_leaves_its_set_out() -> None:
    without = document()
    del without["Model"]
    assert {tuple(m.dimensions) for m in read_line(json.dumps(without))} == {("Service",), ()}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plain text",
        '{"_aws": ',
        '"_aws"',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": "now", "CloudWatchMetrics": []}}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": {}}}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [1]}}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "a", "Metrics": [1]}]}}',
        json.dumps(document(Latency="slow", Tokens=True)),
        json.dumps(document(Latency=[1, "x"], Tokens=None)),
    ],
)
def test_what_is_no_measurement_is_left_out(line: str) -> None:
    assert read_line(line) == []
