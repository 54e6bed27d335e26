"""Which version comes back, and what a person is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.account import Account, Outputs
from cli.loop import LoopFailed
from cli.rollback import Rollback, Way

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package/meguru-poc--text"


def version(number: int) -> str:
    return f"{GROUP}/{number}"


class FakeAccount(Account):
    """Versions by their numbers, each with the hour it was approved at; `served`, oldest first."""

    def __init__(self, served: tuple[int, ...], approved: dict[int, int]) -> None:
        super().__init__("poc", "http://127.0.0.1:9")
        self.outputs = Outputs(
            EndpointName="meguru-poc--text",
            ModelPackageGroup="meguru-poc--text",
            ReleaseTable="releases",
        )
        self.approved, self.status = approved, "InService"
        self.component_status = ""
        self.stops: list[dict[str, Any]] = []
        self.row: dict[str, Any] = {}
        if served:
            self.release(served[-1])
            self.row["served"] = {"S": json.dumps([version(number) for number in served])}

    def release(self, number: int, name: str = "release", **more: Any) -> None:
        at = self.time_of(number).isoformat(timespec="microseconds")
        values = {"package": version(number), "approved_at": at, "name": "n"}
        self.row |= {name: {"M": {key: {"S": text} for key, text in values.items()}}, **more}

    def time_of(self, number: int) -> datetime:
        return datetime(2026, 11, 27, self.approved[number], tzinfo=UTC)

    def of_model(self, model_key: str) -> Account:
        return self

    def models(self) -> dict[str, Outputs]:
        return {"text": Outputs(ModelName="text")}

    def client(self, service: str) -> Any:
        return self

    def get_item(self, **asked: Any) -> dict[str, Any]:
        return {"Item": self.row}

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        found = [{"ModelPackageArn": version(number)} for number in self.approved]
        yield {"ModelPackageSummaryList": found}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": "Approved",
            "CreationTime": self.time_of(int(ModelPackageName.rpartition("/")[2])),
        }

    def update_model_package(self, **asked: Any) -> None:
        self.decision = asked

    def describe_endpoint(self, **asked: Any) -> dict[str, Any]:
        return {"EndpointStatus": self.status, "EndpointConfigName": "c"}

    def describe_endpoint_config(self, **asked: Any) -> dict[str, Any]:
        return {"ProductionVariants": [{"InstanceType": "ml.m5.large", "ModelName": "n"}]}

    def describe_inference_component(self, **asked: Any) -> dict[str, Any]:
        if not self.component_status:
            said = {"Code": "ValidationException", "Message": "Could not find the component."}
            raise ClientError({"Error": said}, "DescribeInferenceComponent")
        return {"InferenceComponentStatus": self.component_status}

    def put_metric_data(self, **asked: Any) -> None:
        self.stops.append(asked)


@pytest.mark.parametrize(
    ("served", "approved", "to", "way"),
    [
        ((1, 2), {1: 1, 2: 2}, "", Way(version(1), version(2), "")),
        ((1, 2, 3), {1: 1, 2: 2, 3: 3}, "1", Way(version(1), version(3), "")),
        ((1, 2, 3), {1: 1, 2: 2, 3: 3}, version(1), Way(version(1), version(3), "")),
        # While version 3 is being released, the one before it is the one that serves.
        ((1, 2), {1: 1, 2: 2, 3: 3}, "", Way(version(2), version(2), version(3))),
        ((1, 2), {1: 1, 2: 2, 3: 3}, "1", Way(version(1), version(2), version(3))),
    ],
)
def test_the_way_back(served: tuple[int, ...], approved: dict[int, int], to: str, way: Way) -> None:
    assert Rollback(FakeAccount(served, approved), "text").find_way(to) == way
    assert f"ersion {way.target.rpartition('/')[2]} " in way.said()
    assert ("stopped" in way.said()) == bool(way.stopped)


@pytest.mark.parametrize(
    ("served", "to", "said"),
    [
        ((), "", "has served yet"),
        ((3,), "", "version 3 is the only one"),
        ((2, 3), "3", "version 3 serves already"),
        ((2, 3), "1", r"none of those that have served \(2, 3\)"),
        ((2, 3), "two", "'two' is none of those"),
    ],
)
def test_where_no_way_goes(served: tuple[int, ...], to: str, said: str) -> None:
    account = FakeAccount(served, {1: 1, 2: 2, 3: 3})
    with pytest.raises(ValueError, match=said):
        Rollback(account, "text").find_way(to)


def test_a_release_that_has_failed_is_not_under_way() -> None:
    account = FakeAccount((1, 2), {1: 1, 2: 2, 3: 3})
    account.release(3, "failed_release")
    assert Rollback(account, "text").find_way() == Way(version(1), version(2), "")


@pytest.mark.parametrize(
    ("status", "component_status", "num_stops"),
    [
        ("Updating", "", 1),
        ("InService", "", 0),
        # An endpoint that scales to zero serves on, while another version comes into its component.
        ("InService", "Updating", 1),
        ("InService", "InService", 0),
    ],
)
def test_the_decision_is_in_the_registry(
    status: str, component_status: str, num_stops: int
) -> None:
    account = FakeAccount((1, 2), {1: 1, 2: 2, 3: 3})
    account.status, account.component_status = status, component_status
    back = Rollback(account, "text")
    back.go(back.find_way(), "hana", "it invents prices")
    assert account.decision == {
        "ModelPackageArn": version(2),
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "Rollback by hana: it invents prices",
    }
    # What SageMaker has not begun needs no alarm to end it.
    assert len(account.stops) == num_stops


def test_it_waits_for_the_new_decision() -> None:
    account = FakeAccount((1, 2), {1: 1, 2: 2})
    back = Rollback(account, "text")
    way = back.find_way()
    after = back.go(way, "hana", "x")
    with pytest.raises(LoopFailed, match="doesn't serve after 0 min"):
        back.wait(way, after, 4, lambda _: None)
    account.approved[1] = 5
    account.release(1)
    back.wait(way, after, 4, lambda _: None)
    account.release(1, "failed_release", failed_because={"S": "No capacity."})
    account.approved[2] = 6
    account.release(2)
    with pytest.raises(LoopFailed, match="could not be brought back: No capacity"):
        back.wait(way, after, 4, lambda _: None)


def test_nothing_is_decided_without_a_reason() -> None:
    account = FakeAccount((1, 2), {1: 1, 2: 2})
    back = Rollback(account, "text")
    with pytest.raises(ValueError, match="needs a reason"):
        back.go(back.find_way(), "hana", "")
    assert not hasattr(account, "decision")
