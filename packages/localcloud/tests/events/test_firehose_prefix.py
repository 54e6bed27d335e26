"""Firehose's custom prefixes, after the examples of its guide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from localcloud.events.firehose_prefix import check_prefix, evaluate, partition_keys

WHEN = datetime(2018, 8, 27, 10, 30, tzinfo=UTC)
NAMESPACES = ("timestamp", "firehose", "partitionKeyFromQuery")


@pytest.mark.parametrize(
    ("prefix", "error_type", "expected"),
    [
        (None, "", "2018/08/27/10/"),
        ("logs/", "", "logs/2018/08/27/10/"),
        (None, "processing-failed", "processing-failed/2018/08/27/10/"),
        ("errors/", "processing-failed", "errors/processing-failed/2018/08/27/10/"),
        (
            "myPrefix/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
            "hour=!{timestamp:HH}/",
            "",
            "myPrefix/year=2018/month=08/day=27/hour=10/",
        ),
        ("dt=!{timestamp:yyyy-MM-dd}/", "", "dt=2018-08-27/"),
        ("!{timestamp:yyyy'T'HHmm}/", "", "2018T1030/"),
        ("m=!{partitionKeyFromQuery:m}/!{timestamp:yy}/", "", "m=v1/18/"),
        ("e/!{firehose:error-output-type}/", "processing-failed", "e/processing-failed/"),
    ],
)
def test_a_prefix_is_evaluated(prefix: str | None, error_type: str, expected: str) -> None:
    assert evaluate(prefix, WHEN, {"m": "v1"}, error_type) == expected


def test_random_strings_differ() -> None:
    prefixes = {evaluate("!{firehose:random-string}/", WHEN, {}) for _ in range(20)}
    assert len(prefixes) == 20
    assert {len(prefix) for prefix in prefixes} == {12}


def test_the_partition_keys_of_a_prefix() -> None:
    prefix = "a=!{partitionKeyFromQuery:a}/b=!{partitionKeyFromQuery:b}/!{timestamp:dd}/"
    assert partition_keys(prefix) == {"a", "b"}


@pytest.mark.parametrize(
    ("prefix", "named"),
    [
        ("!{timestamp:yyyy-QQ}/", "QQ"),
        ("!{firehose:name}/", "firehose:name"),
        ("!{partitionKeyFromLambda:x}/", "partitionKeyFromLambda"),
        ("!{other:x}/", "other:x"),
    ],
)
def test_what_is_unknown_is_named(prefix: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        check_prefix(prefix, allows=NAMESPACES)
