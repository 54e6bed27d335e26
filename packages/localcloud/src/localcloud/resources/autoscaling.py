"""AWS::ApplicationAutoScaling."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider

_SERVICE = "application-autoscaling"
_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def scalable_target(context: Context, properties: Properties) -> Created:
    settings = properties.without("ScheduledActions")
    context.call(_SERVICE, "RegisterScalableTarget", **settings)
    target = {name: properties[name] for name in _TARGET}
    for action in properties.get("ScheduledActions", []):
        context.call(_SERVICE, "PutScheduledAction", **target, **action)
    physical_id = "|".join(
        properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")
    )
    return Created(physical_id, {"Id": physical_id})


def scaling_policy(context: Context, properties: Properties) -> Created:
    settings = properties.without("ScalingTargetId")
    if "ScalingTargetId" in properties:
        resource_id, dimension, namespace = properties["ScalingTargetId"].split("|")
        settings |= {
            "ResourceId": resource_id,
            "ScalableDimension": dimension,
            "ServiceNamespace": namespace,
        }
    arn = context.call(_SERVICE, "PutScalingPolicy", **settings)["PolicyARN"]
    return Created(arn, {"Arn": arn})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": scaling_policy,
}
