"""Methods and method responses of a resource."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.operations.control_plane import ControlPlane, members
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, RestApi, require

HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY")
_MEMBERS = (
    "httpMethod", "authorizationType", "authorizerId", "apiKeyRequired", "requestValidatorId",
    "operationName", "requestParameters", "requestModels", "authorizationScopes",
)  # fmt: skip
_PATCHABLE = set(_MEMBERS) - {"httpMethod"}


def method_record(api: RestApi, request: Request) -> Record:
    """The method a request names, or NotFoundException."""
    resource = require(
        api.resources, request["resourceId"], "Invalid Resource identifier specified"
    )
    found: Record = require(
        resource.get("resourceMethods", {}),
        request["httpMethod"].upper(),
        "Invalid Method identifier specified",
    )
    return found


class Methods(ControlPlane):
    """PutMethod, PutMethodResponse and their kin."""

    def put_method(self, request: Request, caller: Caller) -> Response:
        method = {
            "apiKeyRequired": False,
            **members(request, *_MEMBERS),
            "httpMethod": request["httpMethod"].upper(),
        }
        with self.state.lock:
            api = self.api(request)
            resource = require(
                api.resources, request["resourceId"], "Invalid Resource identifier specified"
            )
            _check(api, method)
            methods = resource.setdefault("resourceMethods", {})
            if method["httpMethod"] in methods:
                raise ServiceError(
                    "ConflictException", "Method already exists for this resource", 409
                )
            methods[method["httpMethod"]] = method
            return copy.deepcopy(method)

    def get_method(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return copy.deepcopy(method_record(self.api(request), request))

    def update_method(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            method = method_record(api, request)
            changed = patched(method, request.get("patchOperations", []), _PATCHABLE)
            _check(api, changed)
            method.clear()
            method.update(changed)
            return copy.deepcopy(method)

    def delete_method(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            method_record(api, request)
            resource = api.resources[request["resourceId"]]
            del resource["resourceMethods"][request["httpMethod"].upper()]
        return {}

    def put_method_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            method = method_record(self.api(request), request)
            response = members(request, "statusCode", "responseParameters", "responseModels")
            method.setdefault("methodResponses", {})[request["statusCode"]] = response
            return copy.deepcopy(response)

    def get_method_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return copy.deepcopy(self._method_response(request))

    def update_method_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            response = self._method_response(request)
            operations = request.get("patchOperations", [])
            changed = patched(response, operations, ["responseParameters", "responseModels"])
            response.update(changed)
            return copy.deepcopy(response)

    def delete_method_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            self._method_response(request)
            method = method_record(self.api(request), request)
            del method["methodResponses"][request["statusCode"]]
        return {}

    def _method_response(self, request: Request) -> Record:
        method = method_record(self.api(request), request)
        found: Record = require(
            method.get("methodResponses", {}),
            request["statusCode"],
            "Invalid Response status code specified",
        )
        return found


def _check(api: RestApi, method: dict[str, Any]) -> None:
    if method["httpMethod"] not in HTTP_METHODS:
        raise bad_request(f"Invalid HttpMethod specified. Valid options are {HTTP_METHODS}")
    kind = method["authorizationType"]
    if kind == "COGNITO_USER_POOLS":
        raise bad_request(
            "COGNITO_USER_POOLS authorization is not simulated here: use a CUSTOM authorizer"
        )
    if kind not in ("NONE", "AWS_IAM", "CUSTOM"):
        raise bad_request("Invalid authorization type specified.")
    if kind == "CUSTOM" and method.get("authorizerId") not in api.authorizers:
        raise bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or "
            "COGNITO_USER_POOLS requires a valid authorizer."
        )
    if method.get("requestValidatorId", "") not in ("", *api.validators):
        raise bad_request("Invalid Request Validator identifier specified")
    for model in (method.get("requestModels") or {}).values():
        if model not in api.models:
            raise bad_request(f"Invalid model identifier specified: {model}")
