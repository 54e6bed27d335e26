"""AWS::S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider
from localcloud.resources.s3_lifecycle import lifecycle_rules

Json = Mapping[str, Any]


def bucket(context: Context, properties: Properties) -> Created:
    name = properties.get("BucketName") or context.physical_name(63, str.lower)
    region = context.account.region
    location = {} if region == "us-east-1" else {"LocationConstraint": region}
    context.call(
        "s3",
        "CreateBucket",
        Bucket=name,
        CreateBucketConfiguration=location or None,
        ObjectLockEnabledForBucket=properties.get("ObjectLockEnabled"),
    )
    for property_name, (operation, parameter, convert) in _SETTINGS.items():
        if property_name in properties:
            value = {parameter: convert(properties[property_name])}
            context.call("s3", operation, Bucket=name, **value)
    return Created(name, _attributes(name, region))


def _attributes(name: str, region: str) -> dict[str, str]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
    }


def _same(value: Any) -> Any:
    return value


def _encryption(value: Json) -> Json:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        default = rule.get("ServerSideEncryptionByDefault")
        rest = {k: v for k, v in rule.items() if k != "ServerSideEncryptionByDefault"}
        rules.append(rest | ({"ApplyServerSideEncryptionByDefault": default} if default else {}))
    return {"Rules": rules}


def _cors(value: Json) -> Json:
    renamed = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    rules = [{renamed.get(k, k): v for k, v in rule.items()} for rule in value["CorsRules"]]
    return {"CORSRules": rules}


def _tags(value: list[Json]) -> Json:
    return {"TagSet": value}


def _notifications(value: Json) -> Json:
    """CloudFormation's configuration (one event each) as S3's API takes it."""
    kinds = (
        ("LambdaConfigurations", "Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("QueueConfigurations", "Queue", "QueueConfigurations", "QueueArn"),
        ("TopicConfigurations", "Topic", "TopicConfigurations", "TopicArn"),
    )
    configuration: dict[str, Any] = {
        theirs: [_notification(item, ours_arn, arn) for item in value[ours]]
        for ours, ours_arn, theirs, arn in kinds
        if ours in value
    }
    event_bridge = value.get("EventBridgeConfiguration")
    if event_bridge is not None and str(event_bridge.get("EventBridgeEnabled", True)) != "false":
        configuration["EventBridgeConfiguration"] = {}
    return configuration


def _notification(item: Json, source: str, arn: str) -> Json:
    fitted: dict[str, Any] = {arn: item[source], "Events": [item["Event"]]}
    if "Filter" in item:
        fitted["Filter"] = {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}
    return fitted


_SETTINGS: Mapping[str, tuple[str, str, Any]] = {
    "VersioningConfiguration": ("PutBucketVersioning", "VersioningConfiguration", _same),
    "BucketEncryption": ("PutBucketEncryption", "ServerSideEncryptionConfiguration", _encryption),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        _same,
    ),
    "OwnershipControls": ("PutBucketOwnershipControls", "OwnershipControls", _same),
    "CorsConfiguration": ("PutBucketCors", "CORSConfiguration", _cors),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        lifecycle_rules,
    ),
    "ObjectLockConfiguration": (
        "PutObjectLockConfiguration",
        "ObjectLockConfiguration",
        _same,
    ),
    "Tags": ("PutBucketTagging", "Tagging", _tags),
    "NotificationConfiguration": (
        "PutBucketNotificationConfiguration",
        "NotificationConfiguration",
        _notifications,
    ),
}


def bucket_policy(context: Context, properties: Properties) -> Created:
    name = properties["Bucket"]
    context.call("s3", "PutBucketPolicy", Bucket=name, Policy=properties["PolicyDocument"])
    return Created(f"{name}-policy")


PROVIDERS: Mapping[str, Provider] = {
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
}
