"""EventBridge Scheduler through its API, on the cloud's clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud

if TYPE_CHECKING:
    from tests.events.conftest import Queue, RecordedLambda, RecordedStates

Eventually = Callable[..., Any]
MakeQueue = Callable[..., "Queue"]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
SDK = "arn:aws:scheduler:::aws-sdk"
OFF = {"Mode": "OFF"}
HOUR = timedelta(hours=1)


@pytest.fixture
def scheduler(cloud: Cloud) -> Any:
    return cloud.client("scheduler")


def create(scheduler: Any, expression: str, target: dict[str, Any], **members: Any) -> str:
    answer = scheduler.create_schedule(
        **{
            "Name": "s",
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": OFF,
            "Target": target,
            **members,
        }
    )
    return str(answer["ScheduleArn"])


def function(role: str, **members: Any) -> dict[str, Any]:
    return {"Arn": FUNCTION, "RoleArn": role, **members}


def test_a_rate_fires_at_once_and_then_for_every_period(
    cloud: Cloud, scheduler: Any, role: str, functions: RecordedLambda, eventually: Eventually
) -> None:
    text = '{"at": "<aws.scheduler.scheduled-time>", "of": "<aws.scheduler.schedule-arn>"}'
    arn = create(scheduler, "rate(1 hour)", function(role, Input=text))
    eventually(lambda: len(functions.calls) == 1)
    cloud.clock.advance(3 * HOUR)
    eventually(lambda: len(functions.calls) == 4)
    payloads = functions.payloads("f")
    assert {payload["of"] for payload in payloads} == {arn}
    times = [payload["at"] for payload in payloads]
    assert times == sorted(set(times))
    assert functions.calls[0][2].role_arn == role


def test_cron_in_tokyo_starts_a_state_machine(
    cloud: Cloud, scheduler: Any, role: str, machines: RecordedStates, eventually: Eventually
) -> None:
    target = {"Arn": MACHINE, "RoleArn": role, "Input": '{"a": 1}'}
    expression = "cron(0 9 * * ? *)"
    create(scheduler, expression, target, ScheduleExpressionTimezone="Asia/Tokyo")
    local = cloud.clock.now().astimezone(ZoneInfo("Asia/Tokyo"))
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0)
    nine += timedelta(days=1) if nine <= local else timedelta(0)
    cloud.clock.advance(nine - local - timedelta(minutes=1))
    assert not machines.started
    cloud.clock.advance(timedelta(minutes=1))
    eventually(lambda: len(machines.started) == 1)
    assert machines.started[0][0]["input"] == '{"a": 1}'


def test_at_fires_once_and_the_schedule_goes_where_it_says_so(
    cloud: Cloud, scheduler: Any, role: str, make_queue: MakeQueue, eventually: Eventually
) -> None:
    queue = make_queue("q")
    moment = f"{cloud.clock.now() + HOUR:%Y-%m-%dT%H:%M:%S}"
    target = {"Arn": queue.arn, "RoleArn": role}
    create(scheduler, f"at({moment})", target, ActionAfterCompletion="DELETE")
    create(scheduler, f"at({moment})", target, Name="kept")
    cloud.clock.advance(2 * HOUR)
    bodies = queue.bodies(2)
    assert bodies[0]["source"] == "aws.scheduler"
    assert bodies[0]["time"].startswith(moment)
    eventually(lambda: len(scheduler.list_schedules()["Schedules"]) == 1)
    assert scheduler.list_schedules()["Schedules"][0]["Name"] == "kept"
    cloud.clock.advance(48 * HOUR)
    assert queue.is_quiet() or len(queue.messages) == 2


def test_start_and_end_dates_bound_a_schedule(
    cloud: Cloud, scheduler: Any, role: str, functions: RecordedLambda, eventually: Eventually
) -> None:
    now = cloud.clock.now().replace(microsecond=0)
    dates = {"StartDate": now + HOUR, "EndDate": now + 3 * HOUR}
    create(scheduler, "rate(1 hour)", function(role), **dates)
    cloud.clock.advance(10 * HOUR)
    eventually(lambda: len(functions.calls) == 3)
    cloud.clock.advance(10 * HOUR)
    assert len(functions.calls) == 3


def test_a_universal_target_calls_any_operation(
    cloud: Cloud,
    scheduler: Any,
    role: str,
    make_queue: MakeQueue,
    machines: RecordedStates,
    eventually: Eventually,
) -> None:
    queue = make_queue("q")
    text = json.dumps({"QueueUrl": queue.url, "MessageBody": '"hello"'})
    target = {"Arn": f"{SDK}:sqs:sendMessage", "RoleArn": role, "Input": text}
    create(scheduler, "rate(1 day)", target)
    assert queue.bodies() == ["hello"]
    text = json.dumps({"StateMachineArn": MACHINE, "Input": "{}"})
    target = {"Arn": f"{SDK}:sfn:startExecution", "RoleArn": role, "Input": text}
    create(scheduler, "rate(1 day)", target, Name="machine")
    eventually(lambda: machines.started)


def test_an_event_is_put_on_a_bus(
    cloud: Cloud, scheduler: Any, role: str, make_queue: MakeQueue
) -> None:
    queue, events = make_queue("q"), cloud.client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["ours"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": queue.arn}])
    target = {
        "Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default",
        "RoleArn": role,
        "EventBridgeParameters": {"DetailType": "Tick", "Source": "ours"},
        "Input": '{"n": 1}',
    }
    create(scheduler, "rate(1 day)", target)
    [body] = queue.bodies()
    assert (body["detail-type"], body["detail"]) == ("Tick", {"n": 1})


def test_what_the_role_may_not_do_goes_to_the_dead_letter_queue(
    cloud: Cloud,
    scheduler: Any,
    role: str,
    make_queue: MakeQueue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead, iam = make_queue("dead"), cloud.client("iam")
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead.arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="sender", PolicyName="all", PolicyDocument=document)
    target = {"Arn": MACHINE, "RoleArn": role, "DeadLetterConfig": {"Arn": dead.arn}}
    arn = create(scheduler, "rate(1 day)", target)
    [message] = dead.receive()
    attributes = message["MessageAttributes"]
    assert attributes["SCHEDULE_ARN"]["StringValue"] == arn
    assert "states:StartExecution" in attributes["ERROR_MESSAGE"]["StringValue"]
    assert "schedule default/s" in caplog.text


def test_a_schedule_is_updated_disabled_and_deleted(
    cloud: Cloud, scheduler: Any, role: str, functions: RecordedLambda, eventually: Eventually
) -> None:
    create(scheduler, "rate(2 hours)", function(role))
    eventually(lambda: len(functions.calls) == 1)
    changed = {"FlexibleTimeWindow": OFF, "Target": function(role), "State": "DISABLED"}
    scheduler.update_schedule(Name="s", ScheduleExpression="rate(1 hour)", **changed)
    got = scheduler.get_schedule(Name="s")
    assert (got["ScheduleExpression"], got["State"]) == ("rate(1 hour)", "DISABLED")
    assert got["LastModificationDate"] >= got["CreationDate"]
    cloud.clock.advance(5 * HOUR)
    scheduler.delete_schedule(Name="s")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.get_schedule(Name="s")
    assert len(functions.calls) == 1


def test_groups_hold_schedules_and_take_them_along(scheduler: Any, role: str) -> None:
    scheduler.create_schedule_group(Name="g", Tags=[{"Key": "k", "Value": "v"}])
    create(scheduler, "rate(1 day)", function(role), GroupName="g", State="DISABLED")
    create(scheduler, "rate(1 day)", function(role), State="DISABLED")
    listed = scheduler.list_schedules(GroupName="g")["Schedules"]
    assert [(one["GroupName"], one["Name"]) for one in listed] == [("g", "s")]
    arn = scheduler.get_schedule_group(Name="g")["Arn"]
    tags = scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    scheduler.delete_schedule_group(Name="g")
    assert len(scheduler.list_schedules()["Schedules"]) == 1
    names = [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]]
    assert names == ["default"]
    with pytest.raises(ClientError, match="default group"):
        scheduler.delete_schedule_group(Name="default")


def test_a_role_that_does_not_trust_scheduler_is_refused(
    cloud: Cloud, scheduler: Any, role: str
) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    iam = cloud.client("iam")
    iam.update_assume_role_policy(RoleName="sender", PolicyDocument=json.dumps(document))
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler"):
        create(scheduler, "rate(1 day)", function(role))
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler"):
        create(scheduler, "rate(1 day)", function(f"{role}-missing"))


def test_what_can_not_be_scheduled_is_refused_by_name(scheduler: Any, role: str) -> None:
    pipeline = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"
    cases: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
        ("rate(1 minutes)", function(role), {}, "not a rate"),
        ("rate(1 day)", function(role), {"ScheduleExpressionTimezone": "Mars/X"}, "time zone"),
        ("rate(1 day)", function(role, Arn=pipeline), {}, "sagemaker"),
        ("rate(1 day)", function(role, Arn=f"{SDK}:sqs:sendNothing"), {}, "sendNothing"),
        ("rate(1 day)", function(role, Arn=f"{SDK}:nothing:do"), {}, "nothing"),
        ("rate(1 day)", function(role, Arn=f"{SDK}:s3:getObject"), {}, "only read"),
        ("rate(1 day)", function(role, Input="{"), {}, "JSON"),
        ("rate(1 day)", function(role), {"GroupName": "nowhere"}, "nowhere"),
        (
            "rate(1 day)",
            function(role),
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            "MaximumWindowInMinutes",
        ),
    ]
    for expression, target, members, reason in cases:
        with pytest.raises(ClientError, match=reason):
            create(scheduler, expression, target, **members)
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    create(scheduler, "rate(1 day)", function(role), State="DISABLED", FlexibleTimeWindow=window)
    with pytest.raises(ClientError, match="ConflictException"):
        create(scheduler, "rate(1 day)", function(role))
