"""The function as the workflow calls it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.plan_release import handler as function
from meguru.release_alarm import fingerprint_of
from tests.unit.lambdas.plan_release.fake_cloudwatch import FakeCloudWatch, described

PACKAGE = "arn:p/group/1"
WATCHED = ("AWS/SageMaker", "Invocations", "Sum", {"EndpointName": "text"})
FINGERPRINT = fingerprint_of("invocations", 5, [WATCHED])
EVENT: dict[str, Any] = {
    "run": "arn:run",
    "hosting": {"ExecutionRoleArn": "arn:role", "InstanceType": "m", "VariantName": "v"},
    "component": None,
    "scaling": "{}",
    "attempted": None,
    "tried": None,
    "now": None,
    "started_at": None,
    "scaling_failed": False,
}
VARIABLES = {
    "MODEL_PACKAGE_GROUP": "group",
    "TRAFFIC": "canary",
    "CANARY_PERCENT": "10",
    "BAKE_SECONDS": "600",
    "POLL_SECONDS": "30",
    "ALARMS": json.dumps([["errors", FINGERPRINT]]),
    "HAS_SMOKE_TEST": "false",
}
SMOKE = "text--smoke"


class FakeSageMaker:
    """One approved version; `endpoint` is its status and config, `made` are names of both kinds."""

    def __init__(self) -> None:
        self.packages = {PACKAGE: datetime(2026, 1, 1, tzinfo=UTC)}
        self.endpoint: dict[str, Any] | None = None
        self.smoke_endpoint: dict[str, Any] | None = None
        self.description = ""
        self.component: dict[str, Any] | None = None
        self.is_hosting = False
        self.made: set[str] = set()
        self.num_looks = 0

    def get_paginator(self, operation: str) -> FakeSageMaker:
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        self.num_looks += 1
        return [{"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in self.packages]}]

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        return {
            "ModelPackageArn": request["ModelPackageName"],
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": self.description,
            "CreationTime": self.packages[request["ModelPackageName"]],
        }

    def describe_endpoint(self, **request: str) -> dict[str, Any]:
        is_smoke = request["EndpointName"] == SMOKE
        return self._found(self.smoke_endpoint if is_smoke else self.endpoint)

    def describe_inference_component(self, **request: str) -> dict[str, Any]:
        return self._found(self.component)

    def describe_model(self, **request: str) -> dict[str, Any]:
        return self._found({} if request["ModelName"] in self.made else None)

    def describe_endpoint_config(self, **request: str) -> dict[str, Any]:
        model = {} if self.is_hosting else {"ModelName": "text-1"}
        config = {"ProductionVariants": [{"InstanceType": "m", **model}]}
        return self._found(config if request["EndpointConfigName"] in self.made else None)

    def _found(self, found: dict[str, Any] | None) -> dict[str, Any]:
        if found is None:
            said = {"Code": "ValidationException", "Message": "Could not find it."}
            raise ClientError({"Error": said}, "Describe")
        return found


class Running:
    """Step Functions, where every execution still runs."""

    def describe_execution(self, **request: str) -> dict[str, str]:
        return {"status": "RUNNING"}


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> FakeSageMaker:
    fake = FakeSageMaker()
    monkeypatch.setattr(function, "sagemaker", lambda: fake)
    return fake


@pytest.fixture(autouse=True)
def alarms(monkeypatch: pytest.MonkeyPatch) -> FakeCloudWatch:
    fake = FakeCloudWatch([described("errors", "invocations", 5, [WATCHED])])
    monkeypatch.setattr(function, "cloudwatch", lambda: fake)
    return fake


@pytest.fixture
def table(make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    made = make_table("releases", "endpoint_name")
    monkeypatch.setattr(function, "releases", lambda: made)
    return made


def step(**values: Any) -> dict[str, Any]:
    plan = function.handler({**EVENT, **values}, None)
    json.dumps(plan)
    return plan


def row(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = table.get_item(Key={"endpoint_name": "text"})["Item"]
    return found


def set_row(table: Any, **values: Any) -> None:
    names = ", ".join(f"#{name} = :{name}" for name in values)
    table.update_item(
        Key={"endpoint_name": "text"},
        UpdateExpression=f"SET {names}",
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


def test_from_nothing_to_an_endpoint(sagemaker: FakeSageMaker, table: Any) -> None:
    plan = step()
    assert plan["step"] == "create_model"
    name = plan["release"]["name"]
    sagemaker.made.add(name)
    assert step()["step"] == "create_endpoint"
    sagemaker.endpoint = {"EndpointStatus": "Creating", "EndpointConfigName": name}
    assert step(attempted=plan["release"]) == {"step": "wait", "looks": 0, "seconds": 30}
    sagemaker.endpoint["EndpointStatus"] = "InService"
    assert step(attempted=plan["release"])["step"] == "record_release"


def test_from_nothing_to_a_component(sagemaker: FakeSageMaker, table: Any) -> None:
    """Its endpoint's config stays the same from version to version."""
    sagemaker.is_hosting = True
    asked: dict[str, Any] = {"component": {"MaxInstanceCount": 3}}
    plan = step(**asked)
    assert plan["step"] == "create_model"
    release, config = plan["release"], plan["config_name"]
    assert config != release["name"] != step()["release"]["name"]
    sagemaker.made |= {release["name"]}
    assert step(**asked)["step"] == "create_hosting_config"
    sagemaker.made |= {config}
    assert step(**asked)["step"] == "create_endpoint"
    asked |= {"attempted": release, "started_at": 1000 * (time.time() - 300)}
    sagemaker.endpoint = {"EndpointStatus": "Creating", "EndpointConfigName": config}
    assert step(**asked)["step"] == "wait"
    sagemaker.endpoint["EndpointStatus"] = "InService"
    assert step(**asked)["step"] == "create_component"
    sagemaker.component = {
        "InferenceComponentStatus": "Creating",
        "Specification": {"ModelName": release["name"]},
    }
    assert step(**asked)["step"] == "wait"
    sagemaker.component["InferenceComponentStatus"] = "InService"
    assert step(**asked)["step"] == "record_release"
    # What callers are told to wait who find no copy.
    assert 300 <= row(table)["start_seconds"] < 310


def test_a_component_that_is_being_scaled_is_waited_for(
    sagemaker: FakeSageMaker, table: Any
) -> None:
    sagemaker.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "before"}
    sagemaker.component = {"InferenceComponentStatus": "Updating"}
    assert step()["step"] == "wait"


@pytest.mark.parametrize("by_component", [True, False])
def test_what_served_is_made_anew_before_what_is_new(
    sagemaker: FakeSageMaker, table: Any, by_component: bool
) -> None:
    """A version that fails would have nothing to fall back to, and nothing would serve."""
    asked: dict[str, Any] = {"component": {"MaxInstanceCount": 3} if by_component else None}
    released = step(**asked)["release"]
    set_row(table, release=released)
    newer = "arn:p/group/2"
    sagemaker.packages[newer] = datetime(2026, 1, 2, tzinfo=UTC)
    # No endpoint, one of the other kind, one that hosts nothing.
    assert step(**asked)["release"]["package"] == PACKAGE
    sagemaker.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "before"}
    sagemaker.made.add("before")
    sagemaker.is_hosting = not by_component
    assert step(**asked)["release"]["package"] == PACKAGE
    sagemaker.is_hosting = by_component
    if by_component:
        config = step(**asked)["config_name"]
        sagemaker.endpoint["EndpointConfigName"] = config
        sagemaker.made.add(config)
        assert step(**asked)["release"]["package"] == PACKAGE
        sagemaker.component = {"InferenceComponentStatus": "InService"}
    assert step(**asked)["release"]["package"] == newer


def test_what_served_and_can_not_be_made_anew_is_in_nobody_s_way(
    sagemaker: FakeSageMaker, table: Any
) -> None:
    released = step()["release"]
    newer = "arn:p/group/2"
    sagemaker.packages[newer] = datetime(2026, 1, 2, tzinfo=UTC)
    set_row(table, release=released, failed_release=released)
    assert step()["release"]["package"] == newer
    del sagemaker.packages[PACKAGE]
    set_row(table, release=released)
    assert step()["release"]["package"] == newer


def test_an_execution_of_before_an_upgrade_goes_on(sagemaker: FakeSageMaker, table: Any) -> None:
    told = {key: value for key, value in EVENT.items() if key not in ("component", "started_at")}
    assert function.handler(told, None)["step"] == "create_model"


def test_a_rollback_is_told_from_the_attempt(sagemaker: FakeSageMaker, table: Any) -> None:
    sagemaker.endpoint = {
        "EndpointStatus": "InService",
        "EndpointConfigName": "before",
        "FailureReason": "Alarms are ringing.",
        "ProductionVariants": [{"DesiredInstanceCount": 20}],
    }
    release = step()["release"]
    sagemaker.made |= {release["name"], "before"}
    update = step()
    assert update["step"] == "update_endpoint"
    policy = update["deployment"]["BlueGreenUpdatePolicy"]
    canary = policy["TrafficRoutingConfiguration"]["CanarySize"]
    assert canary == {"Type": "INSTANCE_COUNT", "Value": 2}
    failed = step(attempted=release)
    assert failed["step"] == "record_failure"
    assert "Alarms are ringing." in failed["failure"]["Cause"]
    table.update_item(
        Key={"endpoint_name": "text"},
        UpdateExpression="SET failed_release = :release",
        ExpressionAttributeValues={":release": release},
    )
    assert step(attempted=release)["step"] == "register_scaling"
    assert step(attempted=release, scaling_failed=True)["step"] == "give_claim_back"


def test_who_waits_for_its_own_change_leaves_the_registry_to_those_who_ask(
    sagemaker: FakeSageMaker, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = step()["release"]
    sagemaker.endpoint = {"EndpointStatus": "Updating", "EndpointConfigName": "before"}
    assert step()["step"] == "wait"
    assert sagemaker.num_looks == 2
    assert step(attempted=release)["step"] == "wait"
    assert sagemaker.num_looks == 2
    monkeypatch.setattr(function, "states", Running)
    assert step(run="arn:another")["step"] == "leave"
    assert sagemaker.num_looks == 3


def test_scaling_is_forgotten_before_the_target_goes(sagemaker: FakeSageMaker, table: Any) -> None:
    sagemaker.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "before"}
    sagemaker.made |= {step()["release"]["name"], "before"}
    table.update_item(
        Key={"endpoint_name": "text"},
        UpdateExpression="SET scaling = :scaling",
        ExpressionAttributeValues={":scaling": "{}"},
    )
    assert step()["step"] == "update_endpoint"
    assert "scaling" in row(table)
    other = {**EVENT["hosting"], "InstanceType": "other"}
    sagemaker.made.add(step(hosting=other)["release"]["name"])
    assert step(hosting=other)["step"] == "replace_instances"
    assert "scaling" not in row(table)


def test_another_execution_acts(
    sagemaker: FakeSageMaker, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function, "states", Running)
    assert step()["step"] == "create_model"
    assert step(run="arn:another") == {"step": "leave"}
    assert row(table)["looks"] == 1


def remember(table: Any, **values: Any) -> None:
    for name, value in values.items():
        table.update_item(
            Key={"endpoint_name": "text"},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )


def test_a_version_is_tried_before_it_serves(
    sagemaker: FakeSageMaker, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAS_SMOKE_TEST", "true")
    release = step()["release"]
    sagemaker.made.add(release["name"])
    first = step()
    assert first["step"] == "create_smoke_config"
    assert first["smoke_config"] != release["name"]
    sagemaker.made.add(first["smoke_config"])
    assert step()["step"] == "create_smoke_endpoint"
    sagemaker.smoke_endpoint = {
        "EndpointStatus": "Creating",
        "EndpointConfigName": first["smoke_config"],
    }
    assert step(tried=release)["step"] == "wait"
    sagemaker.smoke_endpoint["EndpointStatus"] = "InService"
    assert step(tried=release)["step"] == "smoke_test"
    remember(table, smoke_test={**release, "failure": "", "asked_at": ""})
    assert step(tried=release)["step"] == "delete_smoke_endpoint"
    sagemaker.smoke_endpoint["EndpointStatus"] = "Deleting"
    assert step(tried=release)["step"] == "create_endpoint"
    remember(table, smoke_test={**release, "failure": "It says nothing.", "asked_at": ""})
    failed = step(tried=release)
    assert (failed["step"], failed["failure"]["Error"]) == ("record_failure", "SmokeTestFailed")
    assert "It says nothing." in failed["failure"]["Cause"]
    # Of an earlier approval: it is tried anew.
    earlier = {**release, "approved_at": "2025-01-01"}
    remember(table, smoke_test={**earlier, "failure": "It says nothing.", "asked_at": ""})
    assert step()["step"] == "wait"


def serving(sagemaker: FakeSageMaker, table: Any) -> dict[str, Any]:
    """The release that an endpoint with another config is about to be brought to."""
    sagemaker.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "before"}
    release: dict[str, Any] = step()["release"]
    sagemaker.made |= {release["name"], "before"}
    return release


def test_a_release_whose_alarm_is_missing_is_refused(
    sagemaker: FakeSageMaker, table: Any, alarms: FakeCloudWatch
) -> None:
    serving(sagemaker, table)
    assert step()["deployment"]["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "errors"}]
    }
    alarms.alarms.clear()
    refused = step()
    assert (refused["step"], refused["failure"]["Error"]) == ("record_failure", "ReleaseRefused")
    assert "errors is missing: deploy" in refused["failure"]["Cause"]


def test_what_is_brought_back_waits_for_nothing(
    sagemaker: FakeSageMaker, table: Any, alarms: FakeCloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAS_SMOKE_TEST", "true")
    sagemaker.description = "Rollback by hana: it invents things"
    serving(sagemaker, table)
    alarms.alarms[0]["StateValue"] = "ALARM"
    # It has never served: an approval like any other.
    assert step()["step"] == "create_smoke_config"
    remember(table, served=json.dumps([PACKAGE, "arn:p/group/2"]))
    back = step()
    assert (back["step"], json.loads(back["served"])) == ("update_endpoint", [PACKAGE])
    assert "AutoRollbackConfiguration" not in back["deployment"]
    policy = back["deployment"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert policy["TerminationWaitInSeconds"] == 0


def test_a_version_that_comes_to_serve_is_the_last_that_has(
    sagemaker: FakeSageMaker, table: Any
) -> None:
    serving(sagemaker, table)
    remember(table, release={**step()["release"], "package": "arn:p/group/0", "approved_at": "1"})
    assert json.loads(step()["served"]) == ["arn:p/group/0", PACKAGE]


def test_what_has_served_as_it_is_made_now_is_not_tried_again(
    sagemaker: FakeSageMaker, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has deleted the endpoint: nobody is answered until it is there again."""
    monkeypatch.setenv("HAS_SMOKE_TEST", "true")
    release = step()["release"]
    sagemaker.made.add(release["name"])
    assert step()["step"] == "create_smoke_config"
    remember(table, release=release)
    assert step()["step"] == "create_endpoint"
