"""HEAD moves by conditional write, and whoever moved it says so however often it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from lambdas.publish_dataset import handler as function

HEAD = "datasets/text/HEAD"


@pytest.fixture
def feedback(make_table: Callable[..., Any]) -> Any:
    return make_table("feedback", "feedback_id", "pending")


@pytest.fixture
def s3(feedback: Any) -> Iterator[Any]:
    function.s3.cache_clear()
    function.pending_feedback.cache_clear()
    yield function.s3()
    function.s3.cache_clear()
    function.pending_feedback.cache_clear()


def curated(s3: Any, run: str, version: str, etag: str = "", read: str = "") -> dict[str, str]:
    """What curation leaves of a run that has read this feedback; the event that publishes it."""
    result = {"version": version, "feedback_ids": list(read)}
    put(s3, f"runs/{run}/curation/result.json", result)
    put(s3, f"datasets/text/{version}/manifest.json", {"num_records": 7})
    result_key = f"runs/{run}/curation/result.json"
    said = {"dataset": "text", "run": run, "reason": "feedback"}
    return {**said, "head_etag": etag, "result_key": result_key}


def put(s3: Any, key: str, value: Any) -> None:
    s3.put_object(Bucket="lake", Key=key, Body=json.dumps(value).encode())


def head(s3: Any) -> tuple[str, str]:
    found = s3.get_object(Bucket="lake", Key=HEAD)
    return json.load(found["Body"])["version"], found["ETag"]


def test_first_version(s3: Any) -> None:
    published = function.handler(curated(s3, "r1", "v1"), None)
    assert published == {"version": "v1", "changed": True, "num_records": 7}
    assert head(s3)[0] == "v1"


def test_next_version(s3: Any) -> None:
    function.handler(curated(s3, "r1", "v1"), None)
    published = function.handler(curated(s3, "r2", "v2", head(s3)[1]), None)
    assert published["changed"] and head(s3)[0] == "v2"


def test_unchanged(s3: Any) -> None:
    function.handler(curated(s3, "r1", "v1"), None)
    before = head(s3)
    assert not function.handler(curated(s3, "r2", "v1", before[1]), None)["changed"]
    assert head(s3) == before


@pytest.mark.parametrize("known", [False, True])
def test_another_run_was_faster(s3: Any, known: bool) -> None:
    etag = ""
    if known:
        function.handler(curated(s3, "r0", "v0"), None)
        etag = head(s3)[1]
    event = curated(s3, "slow", "v1", etag)
    function.handler(curated(s3, "fast", "v2", etag), None)
    with pytest.raises(function.HeadMoved):
        function.handler(event, None)
    assert head(s3)[0] == "v2"


@pytest.mark.parametrize("known", [False, True])
def test_answer_that_was_lost_is_given_again(s3: Any, known: bool) -> None:
    etag = ""
    if known:
        function.handler(curated(s3, "r0", "v0"), None)
        etag = head(s3)[1]
    event = curated(s3, "r1", "v1", etag)
    first = function.handler(event, None)
    assert first["changed"]
    assert function.handler(event, None) == first


def test_other_errors_are_raised(s3: Any) -> None:
    event = curated(s3, "r1", "v1")
    s3.delete_object(Bucket="lake", Key="datasets/text/v1/manifest.json")
    with pytest.raises(boto3.client("s3").exceptions.ClientError, match="NoSuchKey"):
        function.handler(event, None)


def test_what_was_read_waits_no_longer(s3: Any, feedback: Any) -> None:
    for name in "abc":
        feedback.put_item(Item={"feedback_id": name, "pending": "correction"})
    # Read before as well, and never a correction: neither is touched.
    feedback.put_item(Item={"feedback_id": "d", "curation_run": "r0"})
    event = curated(s3, "r1", "v1", read="abdx")
    function.handler(event, None)
    function.handler(event, None)
    items = {item["feedback_id"]: item for item in feedback.scan()["Items"]}
    assert {name: item.get("curation_run") for name, item in items.items()} == {
        "a": "r1",
        "b": "r1",
        "c": None,
        "d": "r0",
    }
    assert [name for name, item in items.items() if "pending" in item] == ["c"]


def test_what_another_run_overtook_waits(s3: Any, feedback: Any) -> None:
    feedback.put_item(Item={"feedback_id": "a", "pending": "correction"})
    event = curated(s3, "slow", "v1", read="a")
    function.handler(curated(s3, "fast", "v2"), None)
    with pytest.raises(function.HeadMoved):
        function.handler(event, None)
    assert feedback.get_item(Key={"feedback_id": "a"})["Item"]["pending"]


def test_head_says_why(s3: Any) -> None:
    function.handler(curated(s3, "r1", "v1"), None)
    assert json.load(s3.get_object(Bucket="lake", Key=HEAD)["Body"])["reason"] == "feedback"
