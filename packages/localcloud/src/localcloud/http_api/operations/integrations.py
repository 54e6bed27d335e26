"""Integrations and integration responses of a method."""

from __future__ import annotations

import copy
from urllib.parse import urlsplit

from localcloud.calls import Caller, Request, Response
from localcloud.http_api.mapping import check_template
from localcloud.http_api.operations.control_plane import ControlPlane, members
from localcloud.http_api.operations.methods import method_record
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, require

_MEMBERS = (
    "type", "uri", "connectionType", "connectionId", "credentials", "requestParameters",
    "requestTemplates", "passthroughBehavior", "cacheNamespace", "cacheKeyParameters",
    "contentHandling", "timeoutInMillis", "tlsConfig", "responseTransferMode",
)  # fmt: skip
_PATCHABLE = (*_MEMBERS, "httpMethod")
_RESPONSE = (
    "statusCode", "selectionPattern", "responseParameters", "responseTemplates", "contentHandling",
)  # fmt: skip
_LOOPBACK = ("127.", "localhost", "::1")


class Integrations(ControlPlane):
    """PutIntegration, PutIntegrationResponse and their kin."""

    def put_integration(self, request: Request, caller: Caller) -> Response:
        integration = {
            "passthroughBehavior": "WHEN_NO_MATCH",
            "timeoutInMillis": 29000,
            "cacheNamespace": request["resourceId"],
            "cacheKeyParameters": [],
            **members(request, *_MEMBERS),
        }
        if request.get("integrationHttpMethod"):
            integration["httpMethod"] = request["integrationHttpMethod"].upper()
        check_integration(integration)
        with self.state.lock:
            method = method_record(self.api(request), request)
            kept = method.get("methodIntegration", {}).get("integrationResponses")
            if kept:
                integration["integrationResponses"] = kept
            method["methodIntegration"] = integration
            return copy.deepcopy(integration)

    def get_integration(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return copy.deepcopy(self._integration(request))

    def update_integration(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            integration = self._integration(request)
            changed = patched(integration, request.get("patchOperations", []), _PATCHABLE)
            check_integration(changed)
            integration.clear()
            integration.update(changed)
            return copy.deepcopy(integration)

    def delete_integration(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            self._integration(request)
            del method_record(self.api(request), request)["methodIntegration"]
        return {}

    def put_integration_response(self, request: Request, caller: Caller) -> Response:
        response = members(request, *_RESPONSE)
        _check_templates(response.get("responseTemplates"))
        with self.state.lock:
            integration = self._integration(request)
            integration.setdefault("integrationResponses", {})[request["statusCode"]] = response
            return copy.deepcopy(response)

    def get_integration_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return copy.deepcopy(self._integration_response(request))

    def update_integration_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            response = self._integration_response(request)
            changed = patched(response, request.get("patchOperations", []), _RESPONSE)
            _check_templates(changed.get("responseTemplates"))
            response.clear()
            response.update(changed)
            return copy.deepcopy(response)

    def delete_integration_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            self._integration_response(request)
            del self._integration(request)["integrationResponses"][request["statusCode"]]
        return {}

    def _integration(self, request: Request) -> Record:
        method = method_record(self.api(request), request)
        message = "No integration defined for method"
        found: Record = require(method, "methodIntegration", message)
        return found

    def _integration_response(self, request: Request) -> Record:
        found: Record = require(
            self._integration(request).get("integrationResponses", {}),
            request["statusCode"],
            "Invalid Response status code specified",
        )
        return found


def check_integration(integration: Record) -> None:
    """Refuse, by name, what API Gateway would refuse and what is not simulated here."""
    kind, uri = integration["type"], integration.get("uri") or ""
    if integration.get("connectionType") == "VPC_LINK":
        raise bad_request("VPC_LINK integrations are not simulated here: there is no VPC")
    if not 50 <= integration["timeoutInMillis"] <= 900000:
        raise bad_request("Timeout should be between 50 ms and 29000 ms")
    if kind != "MOCK" and not uri:
        raise bad_request("Invalid integration URI specified")
    if kind != "MOCK" and not integration.get("httpMethod"):
        raise bad_request("Enumeration value for HttpMethod must be non-empty")
    if kind in ("AWS", "AWS_PROXY") and not uri.startswith("arn:"):
        raise bad_request("AWS ARN for integration must contain path or action")
    if kind == "AWS_PROXY" and ":lambda:path/" not in uri:
        raise bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and "
            "Firehose stream invocations."
        )
    if kind in ("HTTP", "HTTP_PROXY"):
        _check_address(uri)
    if integration.get("credentials") == "arn:aws:iam::*:user/*":
        raise bad_request("Passing the caller's credentials on is not simulated here: name a role")
    _check_stream(integration)
    _check_templates(integration.get("requestTemplates"))


def _check_stream(integration: Record) -> None:
    streams = integration.get("responseTransferMode") == "STREAM"
    by_uri = integration.get("uri", "").endswith("/response-streaming-invocations")
    if streams and integration["type"] not in ("AWS_PROXY", "HTTP_PROXY"):
        raise bad_request("Response transfer mode STREAM needs an AWS_PROXY or HTTP_PROXY method")
    if integration["type"] == "AWS_PROXY" and streams != by_uri:
        raise bad_request(
            "Response transfer mode STREAM and a URI that ends in /response-streaming-invocations "
            "go together"
        )


def _check_address(uri: str) -> None:
    host = urlsplit(uri).hostname or ""
    if not host.startswith(_LOOPBACK):
        raise bad_request(
            f"HTTP integrations reach this machine only, not {host or uri!r}: "
            "use an address on 127.0.0.1"
        )


def _check_templates(templates: dict[str, str] | None) -> None:
    for content_type, template in (templates or {}).items():
        try:
            check_template(template)
        except ValueError as error:
            raise bad_request(f"Invalid mapping template for {content_type}: {error}") from None
