"""AWS::ApiGateway::Method: a method, its integration, and the responses of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider


def method(context: Context, properties: Properties) -> Created:
    place = {
        "restApiId": properties["RestApiId"],
        "resourceId": properties["ResourceId"],
        "httpMethod": properties["HttpMethod"],
    }
    settings = properties.without(
        "RestApiId", "ResourceId", "HttpMethod", "Integration", "MethodResponses"
    )
    settings["AuthorizationType"] = settings.get("AuthorizationType", "NONE")
    context.call("apigateway", "PutMethod", **place, **settings)
    for response in properties.get("MethodResponses", []):
        context.call("apigateway", "PutMethodResponse", **place, **response)
    if integration := properties.get("Integration"):
        _put_integration(context, place, integration)
    return Created(context.physical_name(128))


def _put_integration(
    context: Context, place: Mapping[str, str], integration: Mapping[str, Any]
) -> None:
    settings = {name: v for name, v in integration.items() if name != "IntegrationResponses"}
    method = settings.pop("IntegrationHttpMethod", None)
    context.call("apigateway", "PutIntegration", **place, **settings, integrationHttpMethod=method)
    for response in integration.get("IntegrationResponses", []):
        context.call("apigateway", "PutIntegrationResponse", **place, **response)


PROVIDERS: Mapping[str, Provider] = {"AWS::ApiGateway::Method": method}
