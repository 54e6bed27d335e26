"""REST APIs themselves, and the account's settings and tags."""

from __future__ import annotations

import copy

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.operations.control_plane import ControlPlane, members, page
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, RestApi, new_id

_MEMBERS = (
    "name", "description", "version", "binaryMediaTypes", "minimumCompressionSize", "policy",
    "apiKeySource", "endpointConfiguration", "tags", "disableExecuteApiEndpoint",
    "securityPolicy", "endpointAccessMode",
)  # fmt: skip
_PATCHABLE = set(_MEMBERS) - {"tags"}

# Every new API has these two models.
_MODELS = {
    "Empty": {
        "description": "This is a default empty schema model",
        "schema": '{"$schema": "http://json-schema.org/draft-04/schema#", '
        '"title": "Empty Schema", "type": "object"}',
    },
    "Error": {
        "description": "This is a default error schema model",
        "schema": '{"$schema": "http://json-schema.org/draft-04/schema#", "title": "Error Schema", '
        '"type": "object", "properties": {"message": {"type": "string"}}}',
    },
}


class RestApis(ControlPlane):
    """CreateRestApi and its kin, GetAccount, UpdateAccount, tags."""

    def create_rest_api(self, request: Request, caller: Caller) -> Response:
        if request.get("cloneFrom"):
            raise bad_request("cloneFrom is not supported here: create the API's parts again")
        root_id = new_id()
        settings = {
            "id": new_id(),
            "createdDate": self.account.clock.now(),
            "apiKeySource": "HEADER",
            "endpointConfiguration": {"types": ["EDGE"]},
            "disableExecuteApiEndpoint": False,
            "rootResourceId": root_id,
            **members(request, *_MEMBERS),
        }
        api = RestApi(settings, resources={root_id: {"id": root_id, "path": "/"}})
        for name, model in _MODELS.items():
            api.models[name] = {
                "id": new_id(6),
                "name": name,
                "contentType": "application/json",
                **model,
            }
        with self.state.lock:
            self.state.apis[settings["id"]] = api
        return copy.deepcopy(settings)

    def get_rest_api(self, request: Request, caller: Caller) -> Response:
        return copy.deepcopy(self.api(request).settings)

    def get_rest_apis(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return page(request, [api.settings for api in self.state.apis.values()])

    def update_rest_api(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            # A patch adds one media type at a time to a list that may not be there yet.
            settings = {"binaryMediaTypes": [], **api.settings}
            api.settings = patched(settings, request.get("patchOperations", []), _PATCHABLE)
            return copy.deepcopy(api.settings)

    def delete_rest_api(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            self.api(request)
            del self.state.apis[request["restApiId"]]
        return {}

    def get_account(self, request: Request, caller: Caller) -> Response:
        return copy.deepcopy(self.state.account)

    def update_account(self, request: Request, caller: Caller) -> Response:
        operations = request.get("patchOperations", [])
        with self.state.lock:
            self.state.account = patched(self.state.account, operations, ["cloudwatchRoleArn"])
            return copy.deepcopy(self.state.account)

    def get_tags(self, request: Request, caller: Caller) -> Response:
        return {"tags": dict(self._tagged(request["resourceArn"]).get("tags", {}))}

    def tag_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            record = self._tagged(request["resourceArn"])
            record["tags"] = {**record.get("tags", {}), **request["tags"]}
        return {}

    def untag_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            record = self._tagged(request["resourceArn"])
            kept = {k: v for k, v in record.get("tags", {}).items() if k not in request["tagKeys"]}
            record["tags"] = kept
        return {}

    def _tagged(self, arn: str) -> Record:
        """The record an ARN such as `arn:aws:apigateway:region::/restapis/id/stages/name` names."""
        parts = arn.split("::", 1)[-1].strip("/").split("/")
        record: Record | None = None
        if parts[0] == "restapis" and len(parts) >= 2:
            api = self.state.apis.get(parts[1])
            if api is not None:
                record = api.settings if len(parts) == 2 else api.stages.get(parts[-1])
        elif parts[0] == "apikeys":
            record = self.state.api_keys.get(parts[-1])
        elif parts[0] == "usageplans":
            record = self.state.usage_plans.get(parts[-1])
        if record is None:
            raise ServiceError("NotFoundException", f"Invalid resource ARN specified {arn}", 404)
        return record
