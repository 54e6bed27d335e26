"""AWS::Events and AWS::Scheduler."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def rule(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name()
    bus = properties.get("EventBusName")
    arn = context.call(
        "events",
        "PutRule",
        **properties.without("Name", "EventBusName", "Targets"),
        Name=name,
        EventBusName=bus,
    )["RuleArn"]
    if targets := properties.get("Targets"):
        put = context.call("events", "PutTargets", Rule=name, EventBusName=bus, Targets=targets)
        for failed in put.get("FailedEntries", []):
            raise ValueError(f"target {failed['TargetId']}: {failed.get('ErrorMessage')}")
    on_default_bus = bus in (None, "default")
    return Created(name if on_default_bus else f"{bus}|{name}", {"Arn": arn})


def event_bus(context: Context, properties: Properties) -> Created:
    name = properties["Name"]
    arn = context.call("events", "CreateEventBus", **properties.without("Policy"))["EventBusArn"]
    if "Policy" in properties:
        context.call("events", "PutPermission", EventBusName=name, Policy=properties["Policy"])
    return Created(name, {"Arn": arn, "Name": name})


def event_bus_policy(context: Context, properties: Properties) -> Created:
    given = properties.without("Statement")
    if "Statement" in properties:
        statement = {**properties["Statement"], "Sid": properties["StatementId"]}
        given["Policy"] = {"Version": "2012-10-17", "Statement": [statement]}
        given.pop("StatementId")
    context.call("events", "PutPermission", **given)
    return Created(properties["StatementId"])


def schedule(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name()
    settings = properties.without("Name")
    arn = context.call("scheduler", "CreateSchedule", **settings, Name=name)["ScheduleArn"]
    return Created(name, {"Arn": arn})


def schedule_group(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name()
    settings = properties.without("Name")
    arn = context.call("scheduler", "CreateScheduleGroup", **settings, Name=name)
    return Created(name, {"Arn": arn["ScheduleGroupArn"], "State": "ACTIVE"})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::Events::Rule": rule,
    "AWS::Events::EventBus": event_bus,
    "AWS::Events::EventBusPolicy": event_bus_policy,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
