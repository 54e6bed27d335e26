"""A grant taken out of the template stops the loop where it is needed, and is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from meguru.events import SCALING_NOT_REGISTERED
from meguru.names import event_log_name
from tests.e2e.loop_cloud import MODEL, NAME, LoopCloud, loop_cloud

# Parts of policies' logical IDs, with the action that is taken out of them. None hides another.
REMOVED = {
    "CurationJobRole": "s3:PutObject",
    "TrainAndRegisterRole": "sagemaker:CreateTrainingJob",
    "DeployModelVersionRole": "application-autoscaling:PutScalingPolicy",
    "AnswerRequestRole": "sagemaker:InvokeEndpoint",
    "RecordFeedbackRole": "dynamodb:PutItem",
    "ListModelsRole": "dynamodb:GetItem",
}


def without_grants(assembly: Path, folder: Path) -> Path:
    """A copy of an assembly, less the REMOVED grants; each has to be found in it."""
    copy = Path(shutil.copytree(assembly, folder / "cdk.out"))
    left = dict(REMOVED)
    for path in copy.glob("*.template.json"):
        template = json.loads(path.read_text())
        for logical_id, resource in template["Resources"].items():
            for part, action in REMOVED.items():
                if resource["Type"] == "AWS::IAM::Policy" and part in logical_id:
                    remove(resource["Properties"]["PolicyDocument"], action)
                    left.pop(part, None)
        path.write_text(json.dumps(template))
    assert left == {}
    return copy


def remove(document: dict[str, Any], action: str) -> None:
    kept = []
    for statement in document["Statement"]:
        actions = statement["Action"]
        listed = actions if isinstance(actions, list) else [actions]
        if left := [name for name in listed if name != action]:
            kept.append({**statement, "Action": left})
    assert kept != document["Statement"], f"{action} isn't granted"
    document["Statement"] = kept


@pytest.fixture(scope="module")
def starved(
    trial_assembly: Path, model_archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopCloud]:
    """An environment that lacks the grants; a model version is approved in it."""
    folder = tmp_path_factory.mktemp("starved")
    with loop_cloud(without_grants(trial_assembly, folder), folder / "log") as cloud:
        package = cloud.register(cloud.put_model(model_archive))
        cloud.decide(package, "Approved")
        yield cloud


def failure(cloud: LoopCloud, workflow: str) -> str:
    """What an execution of a workflow has failed with. Events that ask for nothing succeed."""
    states = cloud.client("stepfunctions")
    arn = cloud.outputs[f"{workflow}Arn"]

    def look() -> str | None:
        for one in states.list_executions(stateMachineArn=arn)["executions"]:
            if one["status"] == "FAILED":
                said = states.describe_execution(executionArn=one["executionArn"])
                return f"{said['error']}: {said['cause']}"
        return None

    return cloud.wait(look, f"{workflow} to fail")


def assert_named(said: str, role: str, action: str, resource: str) -> None:
    assert "is not authorized to perform" in said, said
    assert role in said, said
    assert action in said, said
    assert resource in said, said


def test_curation_fails_and_says_why(starved: LoopCloud) -> None:
    bucket = starved.outputs["LakeBucket"]
    record = json.dumps({"question": "締切は?", "answer": "10日です。"}, ensure_ascii=False)
    starved.client("s3").put_object(
        Bucket=bucket, Key="raw/trial/2026/01/01/a.jsonl", Body=record.encode()
    )
    said = failure(starved, "CurateDataset")
    assert_named(said, "CurationJobRole", "s3:PutObject", f"arn:aws:s3:::{bucket}/")


def test_training_fails_and_says_why(starved: LoopCloud) -> None:
    starved.client("stepfunctions").start_execution(
        stateMachineArn=starved.outputs["TrainAndRegisterArn"],
        input=json.dumps({"detail": {"version": "0" * 64}}),
    )
    said = failure(starved, "TrainAndRegister")
    action = "sagemaker:CreateTrainingJob"
    # Role names have at most 64 characters: the logical ID is cut short in them.
    assert_named(said, "TrainAndRegister", action, f"training-job/meguru-{NAME}--{MODEL}-")


def test_a_release_stands_and_says_why_it_is_not_scaled(starved: LoopCloud) -> None:
    def events() -> str | None:
        group = event_log_name(NAME)
        found = starved.client("logs").filter_log_events(logGroupName=group)["events"]
        said = [one["message"] for one in found if SCALING_NOT_REGISTERED in one["message"]]
        return said[0] if said else None

    said = starved.wait(events, "the report that scaling failed")
    action = "application-autoscaling:PutScalingPolicy"
    assert_named(said, "DeployModelVe", action, "scalable-target/")
    # The alarm looks at whole periods of five minutes.
    starved.account.advance_clock(300)
    starved.wait(
        lambda: ringing(starved, "ScalingNotRegistered") or None, "the alarm on scaling to ring"
    )
    starved.wait(lambda: "claimed_by" not in starved.release_record() or None, "the claim")
    assert starved.release_record()["released_model_package_arn"] == starved.serving()
    assert {one["status"] for one in starved.releases()} == {"SUCCEEDED"}


def ringing(cloud: LoopCloud, name: str) -> list[str]:
    """The alarms with this in their name that ring and tell the topic of it."""
    [topic] = [
        one["TopicArn"]
        for one in cloud.client("sns").list_topics()["Topics"]
        if "LoopEvents" in one["TopicArn"]
    ]
    alarms = cloud.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    return [
        one["AlarmName"]
        for one in alarms
        if name in one["AlarmName"] and topic in one["AlarmActions"]
    ]


def logged(cloud: LoopCloud, function: str) -> str:
    """Everything a function of a certain name has logged."""
    logs = cloud.client("logs")
    [group] = [
        name
        for page in logs.get_paginator("describe_log_groups").paginate()
        for name in (group["logGroupName"] for group in page["logGroups"])
        if function in name
    ]
    events = logs.filter_log_events(logGroupName=group)["events"]
    return "\n".join(event["message"] for event in events)


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("AnswerRequest", "sagemaker:InvokeEndpoint"),
        ("ListModels", "dynamodb:GetItem"),
    ],
)
def test_an_answer_is_an_error_that_hides_the_cause_the_log_has(
    starved: LoopCloud, function: str, action: str
) -> None:
    starved.wait(starved.serving, "a version to serve")
    client = starved.openai_client()
    with pytest.raises(openai.InternalServerError) as failed:
        if function == "ListModels":
            client.models.list()
        else:
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "a"}], max_tokens=2
            )
    assert "authorized" not in str(failed.value)
    said = starved.wait(
        lambda: text if "not authorized" in (text := logged(starved, function)) else None,
        f"{function} to log its failure",
    )
    assert re.search(rf"assumed-role/[\w-]*{function}", said)
    assert action in said
