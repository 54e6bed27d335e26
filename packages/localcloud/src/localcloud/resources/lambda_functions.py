"""AWS::Lambda."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def function(context: Context, properties: Properties) -> Created:
    if "ImageUri" in properties.get("Code", {}):
        raise ValueError(
            "functions from container images aren't run: give the function a zip asset "
            "(Code.from_asset) and a managed runtime"
        )
    name = properties.get("FunctionName") or context.physical_name()
    settings = properties.without("ReservedConcurrentExecutions", "FunctionName")
    made = context.call("lambda", "CreateFunction", **settings, FunctionName=name)
    if "ReservedConcurrentExecutions" in properties:
        context.call(
            "lambda",
            "PutFunctionConcurrency",
            FunctionName=name,
            ReservedConcurrentExecutions=properties["ReservedConcurrentExecutions"],
        )
    return Created(name, {"Arn": made["FunctionArn"]})


def permission(context: Context, properties: Properties) -> Created:
    statement_id = context.physical_name(100)
    context.call("lambda", "AddPermission", **properties, StatementId=statement_id)
    return Created(statement_id, {"Id": statement_id})


def event_source_mapping(context: Context, properties: Properties) -> Created:
    made = context.call("lambda", "CreateEventSourceMapping", **properties)
    arn = made.get(
        "EventSourceMappingArn", context.arn("lambda", f"event-source-mapping:{made['UUID']}")
    )
    return Created(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": arn})


def version(context: Context, properties: Properties) -> Created:
    settings = properties.without("ProvisionedConcurrencyConfig", "RuntimePolicy")
    made = context.call("lambda", "PublishVersion", **settings)
    return Created(
        made["FunctionArn"], {"Version": made["Version"], "FunctionArn": made["FunctionArn"]}
    )


def alias(context: Context, properties: Properties) -> Created:
    settings = properties.without("ProvisionedConcurrencyConfig", "RoutingConfig")
    if routing := properties.get("RoutingConfig"):
        weights = {
            weight["FunctionVersion"]: weight["FunctionWeight"]
            for weight in routing.get("AdditionalVersionWeights", [])
        }
        settings["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    arn = context.call("lambda", "CreateAlias", **settings)["AliasArn"]
    return Created(arn, {"AliasArn": arn})


def layer_version(context: Context, properties: Properties) -> Created:
    name = properties.get("LayerName") or context.physical_name(140)
    settings = properties.without("LayerName")
    made = context.call("lambda", "PublishLayerVersion", **settings, LayerName=name)
    return Created(made["LayerVersionArn"], {"LayerVersionArn": made["LayerVersionArn"]})


def layer_version_permission(context: Context, properties: Properties) -> Created:
    arn, _, number = properties["LayerVersionArn"].rpartition(":")
    statement_id = context.physical_name(100)
    context.call(
        "lambda",
        "AddLayerVersionPermission",
        **properties.without("LayerVersionArn"),
        LayerName=arn,
        VersionNumber=number,
        StatementId=statement_id,
    )
    return Created(statement_id, {"Id": statement_id})


def event_invoke_config(context: Context, properties: Properties) -> Created:
    context.call("lambda", "PutFunctionEventInvokeConfig", **properties)
    return Created(context.physical_name())


def url(context: Context, properties: Properties) -> Created:
    settings = properties.without("TargetFunctionArn")
    target = properties["TargetFunctionArn"]
    made = context.call("lambda", "CreateFunctionUrlConfig", **settings, FunctionName=target)
    attributes = {name: made[name] for name in ("FunctionUrl", "FunctionArn")}
    return Created(made["FunctionArn"], attributes)


PROVIDERS: Mapping[str, Provider] = {
    "AWS::Lambda::Function": function,
    "AWS::Lambda::Permission": permission,
    "AWS::Lambda::EventSourceMapping": event_source_mapping,
    "AWS::Lambda::Version": version,
    "AWS::Lambda::Alias": alias,
    "AWS::Lambda::LayerVersion": layer_version,
    "AWS::Lambda::LayerVersionPermission": layer_version_permission,
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
    "AWS::Lambda::Url": url,
}
