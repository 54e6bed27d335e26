"""AWS::SQS."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def queue(context: Context, properties: Properties) -> Created:
    is_fifo = str(properties.get("FifoQueue", "")).lower() == "true"
    name = properties.get("QueueName") or context.physical_name(75)
    if is_fifo and not name.endswith(".fifo"):
        name += ".fifo"
    # Every other property is a queue attribute of the same name.
    attributes = properties.without("QueueName", "Tags")
    if not is_fifo:
        attributes.pop("FifoQueue", None)
    url = context.call(
        "sqs", "CreateQueue", QueueName=name, Attributes=attributes, tags=properties.get("Tags")
    )["QueueUrl"]
    return Created(url, {"Arn": context.arn("sqs", name), "QueueName": name, "QueueUrl": url})


def queue_policy(context: Context, properties: Properties) -> Created:
    for url in properties["Queues"]:
        _put_policy(context, url, properties)
    return Created(context.physical_name())


def queue_inline_policy(context: Context, properties: Properties) -> Created:
    _put_policy(context, properties["Queue"], properties)
    return Created(properties["Queue"])


def _put_policy(context: Context, url: str, properties: Properties) -> None:
    policy = {"Policy": properties["PolicyDocument"]}
    context.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes=policy)


PROVIDERS: Mapping[str, Provider] = {
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::SQS::QueueInlinePolicy": queue_inline_policy,
}
