"""Releases that go wrong, and what another template changes without an approval."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cli.model_versions import standing
from cli.rollback import Rollback
from meguru.events import RUN_FAILED
from meguru.names import event_log_name
from tests.campaigns.approvals import Races, empty_archive
from tests.e2e.loop_cloud import DEADLINE_SECONDS, MODEL, NAME

VARIANT = "AllTraffic"


@pytest.fixture
def messages(races: Races) -> Any:
    """What the topic says from now on, as far as it was read."""
    sns, sqs = races.cloud.client("sns"), races.cloud.client("sqs")
    queue = sqs.create_queue(QueueName="person")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    [topic] = [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn["QueueArn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])

    def read() -> list[dict[str, Any]]:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        bodies = [json.loads(one["Body"])["Message"] for one in received.get("Messages", [])]
        return [json.loads(body) for body in bodies]

    return read


def test_a_version_that_does_not_start_leaves_the_other_one_serving(
    races: Races, messages: Any
) -> None:
    good = races.version()
    races.act("approve", good)
    races.cloud.loop.released(good)
    key = "runs/trial/broken.tar.gz"
    broken = races.cloud.register(races.cloud.put_model(empty_archive("broken"), key))
    races.act("approve", broken)
    ended = races.settle()
    print([(o["status"], o.get("error"), o.get("cause"), o["input"][:80]) for o in ended])
    [failed] = [one for one in ended if one["status"] == "FAILED"]
    assert failed["error"] == "SmokeTestFailed"
    assert broken in failed["cause"]
    assert races.cloud.serving() == good
    record = races.cloud.release_record()
    assert record["released_model_package_arn"] == good
    assert "claimed_by" not in record
    assert broken in record["failed_because"]
    told = [one for one in messages() if one.get("detail-type") == RUN_FAILED]
    assert [one["detail"]["run"] for one in told] == [failed["name"]]
    assert told[0]["detail"]["execution"]["error"] == "SmokeTestFailed"
    assert failed["name"] in logged_events(races)
    # It isn't tried again by the clock, but by a person.
    races.cloud.account.advance_clock(3600)
    again = races.settle()
    assert len(again) > len(ended)
    assert [one["name"] for one in again if one["status"] == "FAILED"] == [failed["name"]]
    races.cloud.put_model(empty_archive(), key)
    races.act("approve", broken)
    races.cloud.loop.released(broken)


def logged_events(races: Races) -> str:
    logs = races.cloud.client("logs")
    return str(logs.filter_log_events(logGroupName=event_log_name(NAME))["events"])


def test_another_instance_type_is_released_without_an_approval(races: Races) -> None:
    only = races.version()
    races.act("approve", only)
    races.settle()
    assert variant(races) == ("ml.m5.large", 1)
    scale_out(races, 2)
    states = races.cloud.client("stepfunctions")
    definition = races.cloud.definition("DeployModelVersion")
    definition["States"]["Begin"]["Assign"]["hosting"]["InstanceType"] = "ml.m5.xlarge"
    states.update_state_machine(
        stateMachineArn=races.cloud.outputs["DeployModelVersionArn"],
        definition=json.dumps(definition),
    )
    # A look by the clock would find the fleet idle for an hour, and scaled in.
    races.act("replay", only)
    races.cloud.wait(lambda: variant(races)[0] == "ml.m5.xlarge" or None, "the other type")
    assert races.settle()[-1]["status"] == "SUCCEEDED"
    assert variant(races) == ("ml.m5.xlarge", 2), "the fleet keeps its size"
    assert races.cloud.serving() == only
    scaling = races.cloud.client("application-autoscaling")
    [target] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"].endswith(f"/variant/{VARIANT}")
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]


def variant(races: Races) -> tuple[str, int]:
    """The instance type that serves, and how many of it."""
    sagemaker = races.cloud.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=races.cloud.outputs["EndpointName"])
    name = endpoint["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    [serving], [made_of] = endpoint["ProductionVariants"], config["ProductionVariants"]
    return made_of["InstanceType"], serving["DesiredInstanceCount"]


def scale_out(races: Races, num_instances: int) -> None:
    sagemaker, name = races.cloud.client("sagemaker"), races.cloud.outputs["EndpointName"]
    # On a busy machine a release takes longer than a fleet may be idle.
    races.cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/{VARIANT}",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        SuspendedState={"DynamicScalingInSuspended": True},
    )
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": VARIANT, "DesiredInstanceCount": num_instances}
        ],
    )

    def is_scaled() -> bool | None:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        [serving] = endpoint["ProductionVariants"]
        count = serving["CurrentInstanceCount"]
        return (endpoint["EndpointStatus"] == "InService" and count == num_instances) or None

    races.cloud.wait(is_scaled, f"{num_instances} instances")


def test_the_version_before_comes_back_in_one_command(races: Races) -> None:
    first, second, third = (races.version() for _ in range(3))
    for one in (first, second, third):
        races.act("approve", one)
        races.cloud.loop.released(one)
    back = Rollback(races.cloud.account, MODEL)
    for target in (second, first):
        way = back.find_way()
        assert way.target == target
        after = back.go(way, "hana", "it invents prices")
        back.wait(way, after, DEADLINE_SECONDS, time.sleep)
        assert races.cloud.serving() == target
    with pytest.raises(ValueError, match="the only one that has served"):
        back.find_way()
    # What was undone is an approval away.
    races.act("approve", third)
    races.cloud.loop.released(third)
    assert back.find_way("1").target == first
    endpoint = races.cloud.outputs["EndpointName"]
    assert standing(races.cloud.account, second, endpoint) == "approved; version 3 serves"
    way = back.find_way()
    back.wait(way, back.go(way, "hana", "it invents prices"), DEADLINE_SECONDS, time.sleep)
    said = "approved; version 1 serves (Rollback by hana: it invents prices)"
    assert standing(races.cloud.account, third, endpoint) == said
    assert races.settle()[-1]["status"] == "SUCCEEDED"
