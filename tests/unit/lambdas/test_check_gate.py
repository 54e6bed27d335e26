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
