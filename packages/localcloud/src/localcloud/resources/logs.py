"""AWS::Logs."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def log_group(context: Context, properties: Properties) -> Created:
    name = properties.get("LogGroupName") or context.physical_name(255)
    settings = properties.without("LogGroupName", "RetentionInDays")
    context.call("logs", "CreateLogGroup", **settings, logGroupName=name)
    if "RetentionInDays" in properties:
        days = properties["RetentionInDays"]
        context.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    return Created(name, {"Arn": context.arn("logs", f"log-group:{name}:*")})


def log_stream(context: Context, properties: Properties) -> Created:
    name = properties.get("LogStreamName") or context.physical_name(255)
    group = properties["LogGroupName"]
    context.call("logs", "CreateLogStream", logGroupName=group, logStreamName=name)
    return Created(name)


def resource_policy(context: Context, properties: Properties) -> Created:
    name = properties["PolicyName"]
    document = properties["PolicyDocument"]
    context.call("logs", "PutResourcePolicy", policyName=name, policyDocument=document)
    return Created(name)


def metric_filter(context: Context, properties: Properties) -> Created:
    return _filter(context, properties, "PutMetricFilter")


def subscription_filter(context: Context, properties: Properties) -> Created:
    return _filter(context, properties, "PutSubscriptionFilter")


def _filter(context: Context, properties: Properties, operation: str) -> Created:
    name = properties.get("FilterName") or context.physical_name(255)
    settings = properties.without("FilterName")
    context.call("logs", operation, **settings, filterName=name)
    return Created(name)


PROVIDERS: Mapping[str, Provider] = {
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::LogStream": log_stream,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::Logs::ResourcePolicy": resource_policy,
    "AWS::Logs::SubscriptionFilter": subscription_filter,
}
