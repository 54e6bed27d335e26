"""EventBridge through its API, as a client sees it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.events.service import EventBridgeService

if TYPE_CHECKING:
    from tests.events.conftest import Queue, RecordedLambda, RecordedStates

Eventually = Callable[..., Any]
MakeQueue = Callable[..., "Queue"]
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:machine"
ORDERS = json.dumps({"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}})


@pytest.fixture
def events(cloud: Cloud) -> Any:
    return cloud.client("events")


def order(total: int = 200, **members: Any) -> dict[str, Any]:
    entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"total": total})}
    return entry | members


def add_rule(events: Any, name: str = "orders", bus: str = "default", **target: Any) -> str:
    arn = events.put_rule(Name=name, EventPattern=ORDERS, EventBusName=bus)["RuleArn"]
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "t", **target}])
    return str(arn)


def policy(action: str, resource: str) -> str:
    """Lets EventBridge do something to a resource."""
    principal = {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_function_receives_the_events_that_match(
    events: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    rule_arn = add_rule(events, Arn=f"{FUNCTION}:f")
    answer = events.put_events(Entries=[order(5), order(200, Resources=["r"])])
    assert answer["FailedEntryCount"] == 0
    eventually(lambda: functions.calls)
    [(name, event, caller)] = functions.calls
    assert name == "f"
    assert event["id"] == answer["Entries"][1]["EventId"]
    assert event | {"id": "", "time": ""} == {
        "version": "0",
        "id": "",
        "detail-type": "Order",
        "source": "shop",
        "account": ACCOUNT,
        "time": "",
        "region": "us-east-1",
        "resources": ["r"],
        "detail": {"total": 200},
    }
    assert (caller.service, caller.source_arn) == ("events.amazonaws.com", rule_arn)


def test_a_queue_receives_the_transformed_input_and_its_group(
    events: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    transformer = {"InputPathsMap": {"t": "$.detail.total"}, "InputTemplate": '{"sum": <t>}'}
    parameters = {"MessageGroupId": "g"}
    add_rule(events, Arn=queue.arn, InputTransformer=transformer, SqsParameters=parameters)
    events.put_events(Entries=[order(total) for total in range(101, 111)])
    messages = queue.receive(10)
    assert [json.loads(m["Body"])["sum"] for m in messages] == list(range(101, 111))
    assert messages[0]["Attributes"]["MessageGroupId"] == "g"


def test_a_state_machine_is_started_as_the_targets_role(
    events: Any, machines: RecordedStates, role: str, eventually: Eventually
) -> None:
    with pytest.raises(ClientError, match="RoleArn is required"):
        add_rule(events, Arn=MACHINE)
    add_rule(events, Arn=MACHINE, RoleArn=role, InputPath="$.detail")
    events.put_events(Entries=[order()])
    eventually(lambda: machines.started)
    [(request, caller)] = machines.started
    assert request["input"] == '{"total":200}'
    assert caller.role_arn == role


def test_a_role_that_does_not_trust_eventbridge_starts_nothing(
    cloud: Cloud, events: Any, make_queue: MakeQueue, machines: RecordedStates, role: str
) -> None:
    dead, iam = make_queue("dead"), cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    iam.update_assume_role_policy(RoleName="sender", PolicyDocument=json.dumps(document))
    add_rule(events, Arn=MACHINE, RoleArn=role, DeadLetterConfig={"Arn": dead.arn})
    events.put_events(Entries=[order()])
    [message] = dead.receive()
    reason = message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert "sts:AssumeRole" in reason
    assert not machines.started


def test_another_bus_receives_the_very_event(
    cloud: Cloud, events: Any, make_queue: MakeQueue, role: str
) -> None:
    queue, bus = make_queue("q"), events.create_event_bus(Name="second")["EventBusArn"]
    events.put_rule(Name="on", EventPattern='{"source": ["aws.s3"]}')
    events.put_targets(Rule="on", Targets=[{"Id": "b", "Arn": bus, "RoleArn": role}])
    events.put_rule(Name="end", EventPattern='{"source": ["aws.s3"]}', EventBusName="second")
    targets = [{"Id": "q", "Arn": queue.arn}]
    events.put_targets(Rule="end", EventBusName="second", Targets=targets)
    emitted = cloud.service(EventBridgeService).emit("aws.s3", "Object Created", {"a": 1})
    [body] = queue.bodies()
    assert (body["id"], body["source"], body["detail"]) == (emitted, "aws.s3", {"a": 1})


def test_a_topic_a_log_group_and_a_queue_are_targets_of_one_rule(
    cloud: Cloud, events: Any, make_queue: MakeQueue, eventually: Eventually
) -> None:
    queue, logs = make_queue("q"), cloud.client("logs")
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    logs.create_log_group(logGroupName="/aws/events/all")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/all"
    attributes = {"AttributeName": "Policy", "AttributeValue": policy("sns:Publish", topic)}
    cloud.client("sns").set_topic_attributes(TopicArn=topic, **attributes)
    logs.put_resource_policy(policyName="p", policyDocument=policy("logs:*", f"{group}:*"))
    add_rule(events, Arn=topic)
    events.put_targets(Rule="orders", Targets=[{"Id": "l", "Arn": group}])
    events.put_events(Entries=[order()])
    [body] = queue.bodies()
    assert json.loads(body["Message"])["detail"] == {"total": 200}
    found = eventually(lambda: logs.filter_log_events(logGroupName="/aws/events/all")["events"])
    assert json.loads(found[0]["message"])["source"] == "shop"


def test_a_bad_entry_fails_alone(events: Any) -> None:
    for entry, code in [
        ({"DetailType": "d", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "d"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "d", "Detail": "{"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "d", "Detail": "[1]"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "d", "Detail": "[" * 100_000}, "MalformedDetail"),
        ({"Source": "aws.s3", "DetailType": "d", "Detail": "{}"}, "NotAuthorizedForSource"),
    ]:
        answer = events.put_events(Entries=[entry, order()])
        assert answer["FailedEntryCount"] == 1
        assert answer["Entries"][0]["ErrorCode"].startswith(code)
        assert "EventId" in answer["Entries"][1]


def test_too_many_or_too_large_entries_are_refused(events: Any) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        events.put_events(Entries=[order()] * 11)
    with pytest.raises(ClientError, match="Total size"):
        events.put_events(Entries=[order(Detail=json.dumps({"x": "あ" * 90_000}))])


@pytest.mark.parametrize("name", ["missing", "denied"])
def test_what_can_not_be_delivered_goes_to_the_dead_letter_queue_and_the_log(
    cloud: Cloud,
    events: Any,
    make_queue: MakeQueue,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    dead = make_queue("dead")
    arn = f"{FUNCTION}:{name}"
    rule_arn = add_rule(events, Arn=arn, DeadLetterConfig={"Arn": dead.arn})
    events.put_events(Entries=[order()])
    [message] = dead.receive()
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    expected = {"missing": "NO_RESOURCE", "denied": "NO_PERMISSIONS"}[name]
    assert attributes["ERROR_CODE"] == expected
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule_arn, arn)
    assert json.loads(message["Body"])["detail"] == {"total": 200}
    assert f"rule orders, target t ({arn})" in caplog.text
    assert cloud.service(EventBridgeService).num_undelivered == 0


def test_a_throttled_function_is_tried_again(
    cloud: Cloud, events: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    functions.num_throttled = 2
    add_rule(events, Arn=f"{FUNCTION}:f")
    events.put_events(Entries=[order()])
    eventually(lambda: functions.num_throttled == 0)
    cloud.clock.advance(timedelta(minutes=1))
    eventually(lambda: functions.calls)


def test_a_rule_with_only_a_schedule_fires_in_time_and_matches_no_event(
    cloud: Cloud, events: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    arn = events.put_rule(Name="tick", ScheduleExpression="rate(10 minutes)")["RuleArn"]
    events.put_targets(Rule="tick", Targets=[{"Id": "f", "Arn": f"{FUNCTION}:f"}])
    events.put_events(Entries=[order()])
    cloud.clock.advance(timedelta(minutes=35))
    eventually(lambda: len(functions.payloads("f")) == 3)
    ticks = functions.payloads("f")
    assert {tick["detail-type"] for tick in ticks} == {"Scheduled Event"}
    assert {tick["source"] for tick in ticks} == {"aws.events"}
    assert ticks[0]["resources"] == [arn]
    assert [tick["time"] for tick in ticks] == sorted({tick["time"] for tick in ticks})
    events.disable_rule(Name="tick")
    cloud.clock.advance(timedelta(minutes=60))
    events.put_events(Entries=[order()])
    assert len(functions.payloads("f")) == 3


def test_a_disabled_rule_matches_nothing_until_it_is_enabled(
    events: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    add_rule(events, Arn=f"{FUNCTION}:f")
    events.disable_rule(Name="orders")
    events.put_events(Entries=[order(101)])
    events.enable_rule(Name="orders")
    events.put_events(Entries=[order(102)])
    eventually(lambda: functions.calls)
    assert [event["detail"]["total"] for event in functions.payloads("f")] == [102]


def test_the_life_of_a_rule(events: Any) -> None:
    arn = add_rule(events, Arn=f"{FUNCTION}:f")
    assert events.describe_rule(Name="orders")["EventPattern"] == ORDERS
    assert [rule["Name"] for rule in events.list_rules(NamePrefix="or")["Rules"]] == ["orders"]
    assert events.list_rules(NamePrefix="x")["Rules"] == []
    names = events.list_rule_names_by_target(TargetArn=f"{FUNCTION}:f")["RuleNames"]
    assert names == ["orders"]
    events.put_rule(Name="orders", EventPattern='{"source": ["other"]}')
    assert len(events.list_targets_by_rule(Rule="orders")["Targets"]) == 1
    with pytest.raises(ClientError, match="since it has targets"):
        events.delete_rule(Name="orders")
    answer = events.remove_targets(Rule="orders", Ids=["t", "unknown"])
    assert answer["FailedEntryCount"] == 1
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    events.delete_rule(Name="orders")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        events.describe_rule(Name="orders")


def test_the_life_of_a_bus(events: Any) -> None:
    arn = events.create_event_bus(Name="b", Description="second")["EventBusArn"]
    with pytest.raises(ClientError, match="ResourceAlreadyExistsException"):
        events.create_event_bus(Name="b")
    permission = {"Action": "events:PutEvents", "Principal": "111122223333", "StatementId": "s"}
    events.put_permission(EventBusName="b", **permission)
    policy = json.loads(events.describe_event_bus(Name=arn)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    events.remove_permission(EventBusName="b", StatementId="s")
    assert "Policy" not in events.describe_event_bus(Name="b")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "b"]
    events.delete_event_bus(Name="b")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        events.describe_event_bus(Name="b")
    with pytest.raises(ClientError, match="Cannot delete"):
        events.delete_event_bus(Name="default")


def test_a_bad_rule_is_refused(events: Any) -> None:
    events.create_event_bus(Name="b")
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "must be specified"),
        ({"EventPattern": "{"}, "InvalidEventPatternException"),
        ({"EventPattern": '{"source": [{"regex": "x"}]}'}, "regex"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "ScheduleExpression is not valid"),
        ({"ScheduleExpression": "at(2026-01-01T00:00:00)"}, "EventBridge Scheduler"),
        ({"ScheduleExpression": "rate(1 hour)", "EventBusName": "b"}, "default event bus"),
        ({"EventPattern": ORDERS, "EventBusName": "nowhere"}, "nowhere"),
    ]
    for members, reason in cases:
        with pytest.raises(ClientError, match=reason):
            events.put_rule(Name="r", **members)


def test_a_target_that_can_not_work_is_refused(events: Any) -> None:
    for target, reason in [
        ({"Arn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/c"}, "ecs"),
        ({"Arn": f"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/d/1"}, "api-destination"),
        ({"Arn": "arn:aws:sqs:us-east-1:1:q.fifo"}, "SqsParameters"),
        ({"Arn": "somewhere"}, "not in correct format"),
        ({"Arn": f"{FUNCTION}:f", "Input": "{"}, "JSON"),
    ]:
        with pytest.raises(ClientError, match=reason):
            add_rule(events, **target)


def test_a_pattern_can_be_tried(events: Any) -> None:
    event: dict[str, Any] = {
        "id": "1",
        "account": "1",
        "source": "shop",
        "time": "t",
        "region": "r",
    }
    event |= {"resources": [], "detail-type": "Order", "detail": {"total": 101}}
    assert events.test_event_pattern(EventPattern=ORDERS, Event=json.dumps(event))["Result"]
    del event["resources"]
    assert events.test_event_pattern(EventPattern=ORDERS, Event=json.dumps(event))["Result"]
    with pytest.raises(ClientError, match="Missing: id"):
        events.test_event_pattern(EventPattern=ORDERS, Event="{}")


def test_archives_are_refused_by_name(events: Any) -> None:
    with pytest.raises(ClientError, match="CreateArchive"):
        events.create_archive(ArchiveName="a", EventSourceArn="arn:aws:events:r:1:event-bus/d")


def test_rules_that_change_under_load_lose_no_event_of_another_rule(
    events: Any, functions: RecordedLambda, eventually: Eventually
) -> None:
    add_rule(events, Arn=f"{FUNCTION}:steady")
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            add_rule(events, name="other", Arn=f"{FUNCTION}:other")
            events.remove_targets(Rule="other", Ids=["t"])
            events.delete_rule(Name="other")

    changing = threading.Thread(target=change)
    changing.start()
    for first in range(101, 301, 10):
        events.put_events(Entries=[order(first + n) for n in range(10)])
    done.set()
    changing.join()
    eventually(lambda: len(functions.payloads("steady")) == 200)
    totals = [event["detail"]["total"] for event in functions.payloads("steady")]
    assert totals == list(range(101, 301))
