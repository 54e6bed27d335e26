"""AWS::CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def alarm(context: Context, properties: Properties) -> Created:
    name = properties.get("AlarmName") or context.physical_name(255)
    settings = properties.without("AlarmName")
    context.call("cloudwatch", "PutMetricAlarm", **settings, AlarmName=name)
    return Created(name, {"Arn": context.arn("cloudwatch", f"alarm:{name}")})


def composite_alarm(context: Context, properties: Properties) -> Created:
    name = properties.get("AlarmName") or context.physical_name(255)
    settings = properties.without("AlarmName")
    context.call("cloudwatch", "PutCompositeAlarm", **settings, AlarmName=name)
    return Created(name, {"Arn": context.arn("cloudwatch", f"alarm:{name}")})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::CompositeAlarm": composite_alarm,
}
