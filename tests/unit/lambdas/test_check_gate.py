"""The gate over evaluation.json and the serving version's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.check_gate import handler as function

EVENT = {"evaluation_key": "runs/r/evaluation/evaluation.json"}


class FakeSageMaker:
    def __init__(self, metadata: dict[str, str]) -> None:
        self._metadata = metadata

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        assert request == {"ModelPackageName": "arn:serving"}
        return {"CustomerMetadataProperties": self._metadata}


@pytest.fixture
def check(
    make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, Any]]]:
    function.s3.cache_clear()
    releases = make_table("releases", "endpoint_name")
    monkeypatch.setattr(function, "releases", lambda: releases)

    def run(serving: dict[str, str] | None = None, **values: Any) -> dict[str, Any]:
        metrics = {name: {"value": value} for name, value in values.items()}
        body = json.dumps({"metrics": metrics}).encode()
        boto3.client("s3").put_object(Bucket="lake", Key=EVENT["evaluation_key"], Body=body)
        if serving is not None:
            item = {"endpoint_name": "text", "released_model_package_arn": "arn:serving"}
            releases.put_item(Item=item)
            monkeypatch.setattr(function, "sagemaker", lambda: FakeSageMaker(serving))
        decision = function.handler(EVENT, None)
        json.dumps(decision, allow_nan=False)
        return decision

    yield run
    function.s3.cache_clear()


def test_passes(check: Callable[..., dict[str, Any]]) -> None:
    decision = check(exact_match=0.75, num_held_out=1234567)
    assert decision == {
        "passed": True,
        "reasons": [],
        "notes": [],
        "metrics": {"exact_match": 0.75, "num_held_out": 1234567.0},
        "metadata": {
            "exact_match": "0.75",
            "num_held_out": "1234567",
            "num_set_aside": "0",
            "template_tokens": "0 0",
        },
        "model_card": "{}",
    }


def test_refused_below_the_serving_model(check: Callable[..., dict[str, Any]]) -> None:
    decision = check({"exact_match": "0.9", "reason": "new_data"}, exact_match=0.75)
    assert not decision["passed"]
    assert "serving model's 0.9" in decision["reasons"][0]


def test_serving_model_of_other_metrics(check: Callable[..., dict[str, Any]]) -> None:
    assert check({"reason": "new_data"}, exact_match=0.75)["passed"]


class RefusingSageMaker:
    def __init__(self, message: str) -> None:
        self._message = message

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        error = {"Code": "ValidationException", "Message": self._message}
        raise ClientError({"Error": error}, "DescribeModelPackage")


@pytest.mark.parametrize(
    "message", ["ModelPackage arn:x/1 does not exist.", "Could not find model package arn:x/1."]
)
def test_a_serving_version_that_was_deleted_has_no_metrics(
    check: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    check({"exact_match": "0.9"}, exact_match=0.75)
    monkeypatch.setattr(function, "sagemaker", lambda: RefusingSageMaker(message))
    assert check(exact_match=0.75)["passed"]


def test_another_refusal_is_not_taken_for_a_deleted_version(
    check: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    check({"exact_match": "0.9"}, exact_match=0.75)
    refusing = RefusingSageMaker("1 validation error detected")
    monkeypatch.setattr(function, "sagemaker", lambda: refusing)
    with pytest.raises(ClientError, match="1 validation error"):
        check(exact_match=0.75)


def test_no_number_is_refused_and_still_json(check: Callable[..., dict[str, Any]]) -> None:
    decision = check(exact_match=float("nan"))
    assert (decision["passed"], decision["metrics"]) == (False, {"exact_match": None})


def test_missing_metric(check: Callable[..., dict[str, Any]]) -> None:
    assert check(chrf=80)["reasons"] == ["exact_match is missing from the evaluation"]


@pytest.fixture
def check_evaluation(
    check: Callable[..., dict[str, Any]],
) -> Callable[..., dict[str, Any]]:
    """Decides on an evaluation.json as it is given, with a version serving."""

    def run(**evaluation: Any) -> dict[str, Any]:
        check({"exact_match": "0.9"}, exact_match=0.75)
        body = json.dumps(evaluation).encode()
        boto3.client("s3").put_object(Bucket="lake", Key=EVENT["evaluation_key"], Body=body)
        return function.handler(EVENT, None)

    return run


METRICS = {"exact_match": {"value": 0.86, "low": 0.8, "high": 0.9, "num_groups": 400}}


def compared(difference: float, low: float, arn: str) -> dict[str, Any]:
    one = {"difference": difference, "low": low, "high": 0.1, "num_groups": 400}
    return {"metrics": {"exact_match": one}, "model_package_arn": arn}


def test_the_paired_difference_counts(check_evaluation: Callable[..., dict[str, Any]]) -> None:
    # By the metrics they were registered with it would have fallen by 0.04, which is allowed.
    for difference, low, passed in ((0.01, -0.02, True), (-0.08, -0.12, False)):
        comparison = compared(difference, low, "arn:serving")
        decision = check_evaluation(metrics=METRICS, comparison=comparison)
        assert decision["passed"] is passed, decision


def test_a_version_that_serves_since_is_held_by_its_own_metrics(
    check_evaluation: Callable[..., dict[str, Any]],
) -> None:
    metrics = {"exact_match": {"value": 0.75}}
    comparison = compared(0.3, 0.2, "arn:another")
    decision = check_evaluation(metrics=metrics, comparison=comparison)
    assert "serving model's 0.9" in decision["reasons"][0]


def test_a_lower_bound_below_the_floor_is_refused(
    check_evaluation: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMUM_METRICS", '{"exact_match": 0.85}')
    [reason] = check_evaluation(metrics=METRICS)["reasons"]
    assert "by chance it may be as low as 0.8" in reason


def test_a_leak_is_refused(check_evaluation: Callable[..., dict[str, Any]]) -> None:
    leaks = {"exact": 1, "normalised": 0, "near": 0, "found": []}
    [reason] = check_evaluation(metrics=METRICS, contamination=leaks)["reasons"]
    assert reason.startswith("1 held-out question is in the training split (1 exact)")


@pytest.mark.parametrize(
    ("content", "card"), [(b'{"a": "\xe5\xb7\xa1"}', '{"a": "巡"}'), (b"{", "{}"), (b"\xff", "{}")]
)
def test_the_model_card_is_handed_on(
    check_evaluation: Callable[..., dict[str, Any]], content: bytes, card: str
) -> None:
    key = "runs/r/evaluation/model_card.json"
    boto3.client("s3").put_object(Bucket="lake", Key=key, Body=content)
    decision = check_evaluation(metrics=METRICS, model_card="model_card.json")
    assert decision["model_card"] == card
