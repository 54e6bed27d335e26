"""Activities: workers fetch tasks and report them by their tokens."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()


def call(workflows: Any, operation: str, **request: Any) -> Any:
    return getattr(workflows.service, operation)(request, ADMINISTRATOR)


@pytest.fixture
def activity(workflows: Any) -> str:
    return str(call(workflows, "create_activity", name="approve")["activityArn"])


def task(arn: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": arn, **fields}


def test_a_worker_does_the_task(workflows: Any, machine: Any, activity: str) -> None:
    arn = workflows.start(machine(A=task(activity, ResultPath="$.r")), {"x": 1})
    fetched = call(workflows, "get_activity_task", activityArn=activity, workerName="w")
    assert json.loads(fetched["input"]) == {"x": 1}
    call(workflows, "send_task_success", taskToken=fetched["taskToken"], output="2")
    assert json.loads(workflows.wait(arn)["output"]) == {"x": 1, "r": 2}
    assert workflows.kinds(arn)[2:5] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
    ]
    assert workflows.history(arn)[3]["activityStartedEventDetails"] == {"workerName": "w"}


def test_a_worker_fails_the_task(workflows: Any, machine: Any, activity: str) -> None:
    arn = workflows.start(machine(A=task(activity)))
    token = call(workflows, "get_activity_task", activityArn=activity)["taskToken"]
    call(workflows, "send_task_failure", taskToken=token, error="No", cause="why")
    described = workflows.wait(arn)
    assert (described["error"], described["cause"]) == ("No", "why")
    assert "ActivityFailed" in workflows.kinds(arn)


def test_each_task_goes_to_one_worker(workflows: Any, machine: Any, activity: str) -> None:
    definition = machine(A=task(activity))
    arns = [workflows.start(definition) for _ in range(8)]

    def work() -> None:
        token = call(workflows, "get_activity_task", activityArn=activity)["taskToken"]
        call(workflows, "send_task_success", taskToken=token, output="{}")

    threads = [threading.Thread(target=work) for _ in arns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {workflows.wait(arn)["status"] for arn in arns} == {"SUCCEEDED"}


def test_heartbeats_count_once_a_worker_has_the_task(
    workflows: Any, cloud: Any, machine: Any, activity: str
) -> None:
    arn = workflows.start(machine(A=task(activity, HeartbeatSeconds=10)))
    workflows.until(lambda: "ActivityScheduled" in workflows.kinds(arn))
    cloud.clock.advance(timedelta(seconds=60))
    call(workflows, "get_activity_task", activityArn=activity)
    assert workflows.describe(arn)["status"] == "RUNNING"
    cloud.clock.advance(timedelta(seconds=11))
    assert workflows.wait(arn)["error"] == "States.HeartbeatTimeout"


def test_a_task_whose_time_is_up_is_not_handed_out(
    workflows: Any, cloud: Any, machine: Any, activity: str
) -> None:
    arn = workflows.start(machine(A=task(activity, TimeoutSeconds=5)))
    workflows.until(lambda: "ActivityScheduled" in workflows.kinds(arn))
    cloud.clock.advance(timedelta(seconds=6))
    assert workflows.wait(arn)["error"] == "States.Timeout"
    answers: list[Any] = []
    worker = threading.Thread(
        target=lambda: answers.append(call(workflows, "get_activity_task", activityArn=activity))
    )
    worker.start()
    while worker.is_alive():
        cloud.clock.advance(timedelta(seconds=61))
        worker.join(0.05)
    assert answers == [{}]


def test_activities_are_kept(workflows: Any, machine: Any, activity: str) -> None:
    assert activity == "arn:aws:states:us-east-1:123456789012:activity:approve"
    assert call(workflows, "create_activity", name="approve")["activityArn"] == activity
    assert call(workflows, "describe_activity", activityArn=activity)["name"] == "approve"
    assert len(call(workflows, "list_activities")["activities"]) == 1
    with pytest.raises(ServiceError, match="Activity ARN"):
        workflows.create(machine(A=task(activity)), type="EXPRESS")
    call(workflows, "delete_activity", activityArn=activity)
    for operation in ("get_activity_task", "describe_activity"):
        with pytest.raises(ServiceError) as refusal:
            call(workflows, operation, activityArn=activity)
        assert refusal.value.code == "ActivityDoesNotExist"
    assert workflows.run(machine(A=task(activity)))["error"] == "States.Runtime"
