"""AWS::ApiGateway: API keys and usage plans."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def api_key(context: Context, properties: Properties) -> Created:
    settings = properties.without("Name")
    settings["name"] = properties.get("Name") or context.physical_name(128)
    made = context.call("apigateway", "CreateApiKey", **settings)
    return Created(made["id"], {"APIKeyId": made["id"]})


def usage_plan(context: Context, properties: Properties) -> Created:
    settings = properties.without("UsagePlanName")
    settings["name"] = properties.get("UsagePlanName") or context.physical_name(128)
    made = context.call("apigateway", "CreateUsagePlan", **settings)
    return Created(made["id"], {"Id": made["id"]})


def usage_plan_key(context: Context, properties: Properties) -> Created:
    made = context.call("apigateway", "CreateUsagePlanKey", **properties)
    physical_id = f"{made['id']}:{properties['UsagePlanId']}"
    return Created(physical_id, {"Id": physical_id})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::ApiGateway::ApiKey": api_key,
    "AWS::ApiGateway::UsagePlan": usage_plan,
    "AWS::ApiGateway::UsagePlanKey": usage_plan_key,
}
