"""What an API's methods refer to by name: authorizers, validators, models, gateway responses."""

from __future__ import annotations

import copy
import json
import re

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.gateway_responses import DEFAULT_STATUS
from localcloud.http_api.operations.control_plane import ControlPlane, members, page
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, RestApi, new_id, require

_AUTHORIZER = (
    "name", "type", "providerARNs", "authType", "authorizerUri", "authorizerCredentials",
    "identitySource", "identityValidationExpression", "authorizerResultTtlInSeconds",
)  # fmt: skip
_VALIDATOR = ("name", "validateRequestBody", "validateRequestParameters")
_MODEL = ("name", "description", "schema", "contentType")
_GATEWAY_RESPONSE = ("responseType", "statusCode", "responseParameters", "responseTemplates")
_NOT_FOUND = {
    "authorizers": "Invalid Authorizer identifier specified",
    "validators": "Invalid Request Validator identifier specified",
    "models": "Invalid model name specified",
}


class Definitions(ControlPlane):
    """Create, get, update and delete for what methods refer to."""

    def create_authorizer(self, request: Request, caller: Caller) -> Response:
        authorizer = {
            "id": new_id(6),
            "authType": "custom",
            "authorizerResultTtlInSeconds": 300,
            **members(request, *_AUTHORIZER),
        }
        _check_authorizer(authorizer)
        return self._add("authorizers", request, authorizer["id"], authorizer)

    def get_authorizer(self, request: Request, caller: Caller) -> Response:
        return self._get("authorizers", request, request["authorizerId"])

    def get_authorizers(self, request: Request, caller: Caller) -> Response:
        return self._list("authorizers", request)

    def update_authorizer(self, request: Request, caller: Caller) -> Response:
        name = request["authorizerId"]
        return self._update("authorizers", request, name, _AUTHORIZER, _check_authorizer)

    def delete_authorizer(self, request: Request, caller: Caller) -> Response:
        return self._delete("authorizers", request, request["authorizerId"])

    def create_request_validator(self, request: Request, caller: Caller) -> Response:
        validator = {
            "id": new_id(6),
            "validateRequestBody": False,
            "validateRequestParameters": False,
            **members(request, *_VALIDATOR),
        }
        return self._add("validators", request, validator["id"], validator)

    def get_request_validator(self, request: Request, caller: Caller) -> Response:
        return self._get("validators", request, request["requestValidatorId"])

    def get_request_validators(self, request: Request, caller: Caller) -> Response:
        return self._list("validators", request)

    def update_request_validator(self, request: Request, caller: Caller) -> Response:
        return self._update("validators", request, request["requestValidatorId"], _VALIDATOR)

    def delete_request_validator(self, request: Request, caller: Caller) -> Response:
        return self._delete("validators", request, request["requestValidatorId"])

    def create_model(self, request: Request, caller: Caller) -> Response:
        model = {"id": new_id(6), **members(request, *_MODEL)}
        _check_model(model)
        if model["name"] in self.api(request).models:
            raise ServiceError(
                "ConflictException",
                f"Model name already exists for this REST API: {model['name']}",
                409,
            )
        return self._add("models", request, model["name"], model)

    def get_model(self, request: Request, caller: Caller) -> Response:
        return self._get("models", request, request["modelName"])

    def get_models(self, request: Request, caller: Caller) -> Response:
        return self._list("models", request)

    def update_model(self, request: Request, caller: Caller) -> Response:
        names = ("description", "schema")
        return self._update("models", request, request["modelName"], names, _check_model)

    def delete_model(self, request: Request, caller: Caller) -> Response:
        return self._delete("models", request, request["modelName"])

    def put_gateway_response(self, request: Request, caller: Caller) -> Response:
        response = {**members(request, *_GATEWAY_RESPONSE), "defaultResponse": False}
        return self._add("gateway_responses", request, request["responseType"], response)

    def get_gateway_response(self, request: Request, caller: Caller) -> Response:
        return self._gateway_response(self.api(request), request["responseType"])

    def get_gateway_responses(self, request: Request, caller: Caller) -> Response:
        api = self.api(request)
        return page(request, [self._gateway_response(api, name) for name in DEFAULT_STATUS])

    def update_gateway_response(self, request: Request, caller: Caller) -> Response:
        response_type = request["responseType"]
        with self.state.lock:
            api = self.api(request)
            current = self._gateway_response(api, response_type)
            changed = patched(current, request.get("patchOperations", []), _GATEWAY_RESPONSE)
            api.gateway_responses[response_type] = {**changed, "defaultResponse": False}
            return copy.deepcopy(api.gateway_responses[response_type])

    def delete_gateway_response(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            responses = self.api(request).gateway_responses
            require(responses, request["responseType"], "Gateway response type not defined on api")
            del responses[request["responseType"]]
        return {}

    def _gateway_response(self, api: RestApi, response_type: str) -> Record:
        if response_type in api.gateway_responses:
            return copy.deepcopy(api.gateway_responses[response_type])
        status = require(DEFAULT_STATUS, response_type, f"Invalid response type {response_type}")
        response: Record = {
            "responseType": response_type,
            "responseParameters": {},
            "responseTemplates": {"application/json": '{"message":$context.error.messageString}'},
            "defaultResponse": True,
        }
        return response if status is None else {**response, "statusCode": str(status)}

    def _add(self, kind: str, request: Request, name: str, record: Record) -> Response:
        with self.state.lock:
            getattr(self.api(request), kind)[name] = record
        return copy.deepcopy(record)

    def _get(self, kind: str, request: Request, name: str) -> Response:
        with self.state.lock:
            records = getattr(self.api(request), kind)
            return dict(copy.deepcopy(require(records, name, _NOT_FOUND[kind])))

    def _list(self, kind: str, request: Request) -> Response:
        with self.state.lock:
            return page(request, getattr(self.api(request), kind).values())

    def _update(
        self, kind: str, request: Request, name: str, names: tuple[str, ...], check: object = None
    ) -> Response:
        with self.state.lock:
            records = getattr(self.api(request), kind)
            record = require(records, name, _NOT_FOUND[kind])
            changed = patched(record, request.get("patchOperations", []), names)
            if callable(check):
                check(changed)
            records[name] = changed
            return copy.deepcopy(changed)

    def _delete(self, kind: str, request: Request, name: str) -> Response:
        with self.state.lock:
            records = getattr(self.api(request), kind)
            require(records, name, _NOT_FOUND[kind])
            del records[name]
        return {}


_IDENTITY_SOURCE = re.compile(
    r"(method\.request\.(header|querystring)\.[^,\s]+|context\.[\w.]+|stageVariables\.\w+)\Z"
)


def _check_authorizer(authorizer: Record) -> None:
    if authorizer["type"] not in ("TOKEN", "REQUEST"):
        raise bad_request(
            f"{authorizer['type']} authorizers are not simulated here: use TOKEN or REQUEST"
        )
    if ":lambda:path/" not in authorizer.get("authorizerUri", ""):
        raise bad_request("Invalid Authorizer URI: it must name a Lambda function's invocations")
    sources = [s.strip() for s in authorizer.get("identitySource", "").split(",") if s.strip()]
    caches = authorizer["authorizerResultTtlInSeconds"] > 0
    if not sources and (caches or authorizer["type"] == "TOKEN"):
        raise bad_request("Identity source is required")
    for source in sources:
        if not _IDENTITY_SOURCE.match(source):
            raise bad_request(f"Invalid mapping expression specified in identity source: {source}")


def _check_model(model: Record) -> None:
    if not model["name"].isalnum():
        raise bad_request(f"Model name must be alphanumeric: {model['name']}")
    try:
        json.loads(model.get("schema") or "{}")
    except ValueError as error:
        raise bad_request(f"Model schema is not JSON: {error}") from None
