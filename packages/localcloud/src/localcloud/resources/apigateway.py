"""AWS::ApiGateway: REST APIs, and what belongs to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider

_FROM_OPENAPI = ("Body", "BodyS3Location", "CloneFrom")


def rest_api(context: Context, properties: Properties) -> Created:
    for name in _FROM_OPENAPI:
        if name in properties:
            raise ValueError(
                f"{name}: localcloud doesn't read OpenAPI documents; define the API's resources "
                "and methods in the CDK app (RestApi, add_resource, add_method)"
            )
    settings = properties.without("Mode", "Parameters", "FailOnWarnings", "Name")
    settings["name"] = properties.get("Name") or context.physical_name()
    settings["apiKeySource"] = settings.pop("ApiKeySourceType", None)
    made = context.call("apigateway", "CreateRestApi", **settings)
    attributes = {"RestApiId": made["id"], "RootResourceId": made["rootResourceId"]}
    return Created(made["id"], attributes)


def resource(context: Context, properties: Properties) -> Created:
    made = context.call("apigateway", "CreateResource", **properties)
    return Created(made["id"], {"ResourceId": made["id"]})


def deployment(context: Context, properties: Properties) -> Created:
    description = Properties(properties.get("StageDescription", {}))
    made = context.call(
        "apigateway",
        "CreateDeployment",
        **properties.without("StageDescription", "DeploymentCanarySettings"),
        variables=description.get("Variables"),
        tracingEnabled=description.get("TracingEnabled"),
    )
    if "StageName" in properties:
        stage = {"RestApiId": properties["RestApiId"], "StageName": properties["StageName"]}
        set_method_settings(context, stage, description.get("MethodSettings", []))
        set_access_log(context, stage, description.get("AccessLogSetting", {}))
    context.not_simulated += [f"StageDescription.{name}" for name in description.unread]
    return Created(made["id"], {"DeploymentId": made["id"]})


def stage(context: Context, properties: Properties) -> Created:
    settings = properties.without("MethodSettings", "AccessLogSetting")
    made = context.call("apigateway", "CreateStage", **settings)
    set_method_settings(context, settings, properties.get("MethodSettings", []))
    set_access_log(context, settings, properties.get("AccessLogSetting", {}))
    return Created(made["stageName"])


def set_access_log(context: Context, stage: Mapping[str, Any], setting: Mapping[str, Any]) -> None:
    """Where a stage writes a line for each request, and in which form."""
    paths = {"DestinationArn": "destinationArn", "Format": "format"}
    operations = [
        {"op": "replace", "path": f"/accessLogSettings/{path}", "value": setting[name]}
        for name, path in paths.items()
        if name in setting
    ]
    update_stage(context, stage, operations)


def set_method_settings(
    context: Context, stage: Mapping[str, Any], settings: list[Mapping[str, Any]]
) -> None:
    """A stage's throttling, logging and caching for some of its methods."""
    for setting in settings:
        unknown = sorted(set(setting) - _METHOD_SETTINGS.keys() - {"ResourcePath", "HttpMethod"})
        context.not_simulated += [f"MethodSettings.{name}" for name in unknown]
    operations = [
        {"op": "replace", "path": path, "value": value}
        for setting in settings
        for path, value in _method_setting(setting)
    ]
    update_stage(context, stage, operations)


def update_stage(
    context: Context, stage: Mapping[str, Any], operations: list[dict[str, Any]]
) -> None:
    if operations:
        context.call(
            "apigateway",
            "UpdateStage",
            restApiId=stage["RestApiId"],
            stageName=stage["StageName"],
            patchOperations=operations,
        )


_METHOD_SETTINGS = {
    "ThrottlingRateLimit": "throttling/rateLimit",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "DataTraceEnabled": "logging/dataTrace",
    "CachingEnabled": "caching/enabled",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CacheDataEncrypted": "caching/dataEncrypted",
}


def _method_setting(setting: Mapping[str, Any]) -> list[tuple[str, Any]]:
    path = setting.get("ResourcePath", "/*")
    # Templates write /a/b as /~1a~1b, as the API wants it, but the root as a mere slash.
    place = path if path.startswith(("/~1", "/*")) else "/" + path.replace("/", "~1")
    prefix = f"{place}/{setting.get('HttpMethod', '*')}"
    return [
        (f"{prefix}/{tail}", setting[name])
        for name, tail in _METHOD_SETTINGS.items()
        if name in setting
    ]


def authorizer(context: Context, properties: Properties) -> Created:
    made = context.call("apigateway", "CreateAuthorizer", **properties)
    return Created(made["id"], {"AuthorizerId": made["id"]})


def model(context: Context, properties: Properties) -> Created:
    settings = properties.without("Name", "ContentType")
    name = properties.get("Name") or context.physical_name(64, _alphanumeric)
    content_type = properties.get("ContentType", "application/json")
    context.call("apigateway", "CreateModel", **settings, name=name, contentType=content_type)
    return Created(name)


def _alphanumeric(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())


def request_validator(context: Context, properties: Properties) -> Created:
    made = context.call("apigateway", "CreateRequestValidator", **properties)
    return Created(made["id"], {"RequestValidatorId": made["id"]})


def gateway_response(context: Context, properties: Properties) -> Created:
    context.call("apigateway", "PutGatewayResponse", **properties)
    return Created(context.physical_name(), {"Id": context.physical_name()})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::ApiGateway::RestApi": rest_api,
    "AWS::ApiGateway::Resource": resource,
    "AWS::ApiGateway::Deployment": deployment,
    "AWS::ApiGateway::Stage": stage,
    "AWS::ApiGateway::Authorizer": authorizer,
    "AWS::ApiGateway::Model": model,
    "AWS::ApiGateway::RequestValidator": request_validator,
    "AWS::ApiGateway::GatewayResponse": gateway_response,
}
