"""AWS::SNS."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider

_TOPIC_ATTRIBUTES = (
    "DisplayName",
    "KmsMasterKeyId",
    "FifoTopic",
    "ContentBasedDeduplication",
    "SignatureVersion",
    "TracingConfig",
)
_SUBSCRIPTION_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
)


def topic(context: Context, properties: Properties) -> Created:
    name = properties.get("TopicName") or context.physical_name(251)
    if str(properties.get("FifoTopic", "")).lower() == "true" and not name.endswith(".fifo"):
        name += ".fifo"
    attributes = {key: properties[key] for key in _TOPIC_ATTRIBUTES if key in properties}
    arn = context.call(
        "sns", "CreateTopic", Name=name, Attributes=attributes, Tags=properties.get("Tags")
    )["TopicArn"]
    for each in properties.get("Subscription", []):
        _subscribe(context, Properties({**each, "TopicArn": arn}))
    return Created(arn, {"TopicArn": arn, "TopicName": name})


def subscription(context: Context, properties: Properties) -> Created:
    arn = _subscribe(context, properties)
    return Created(arn, {"Arn": arn})


def _subscribe(context: Context, properties: Properties) -> str:
    attributes = {key: properties[key] for key in _SUBSCRIPTION_ATTRIBUTES if key in properties}
    # One region: where the topic is said to be makes no difference.
    properties.get("Region")
    subscribed = context.call(
        "sns",
        "Subscribe",
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties.get("Endpoint"),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return str(subscribed["SubscriptionArn"])


def topic_policy(context: Context, properties: Properties) -> Created:
    for arn in properties["Topics"]:
        _put_policy(context, arn, properties)
    return Created(context.physical_name())


def topic_inline_policy(context: Context, properties: Properties) -> Created:
    _put_policy(context, properties["TopicArn"], properties)
    return Created(properties["TopicArn"])


def _put_policy(context: Context, arn: str, properties: Properties) -> None:
    context.call(
        "sns",
        "SetTopicAttributes",
        TopicArn=arn,
        AttributeName="Policy",
        AttributeValue=properties["PolicyDocument"],
    )


PROVIDERS: Mapping[str, Provider] = {
    "AWS::SNS::Topic": topic,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SNS::TopicInlinePolicy": topic_inline_policy,
}
