"""Deployments, which freeze an API, and stages, which serve one of them."""

from __future__ import annotations

import copy
import re

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.operations.control_plane import ControlPlane, members, page
from localcloud.http_api.patching import bad_request, patched, path_parts, typed
from localcloud.http_api.state import Record, RestApi, new_id, require

_STAGE = (
    "stageName", "deploymentId", "description", "cacheClusterEnabled", "cacheClusterSize",
    "variables", "documentationVersion", "canarySettings", "tracingEnabled", "tags",
)  # fmt: skip
_PATCHABLE = (
    "deploymentId", "description", "cacheClusterEnabled", "cacheClusterSize", "variables",
    "documentationVersion", "canarySettings", "tracingEnabled", "accessLogSettings",
    "clientCertificateId",
)  # fmt: skip
_STAGE_NAME = re.compile(r"[a-zA-Z0-9_]+\Z")
_METHOD_SETTINGS = {
    "metrics/enabled": "metricsEnabled",
    "logging/loglevel": "loggingLevel",
    "logging/dataTrace": "dataTraceEnabled",
    "throttling/burstLimit": "throttlingBurstLimit",
    "throttling/rateLimit": "throttlingRateLimit",
    "caching/enabled": "cachingEnabled",
    "caching/ttlInSeconds": "cacheTtlInSeconds",
    "caching/dataEncrypted": "cacheDataEncrypted",
    "caching/requireAuthorizationForCacheControl": "requireAuthorizationForCacheControl",
    "caching/unauthorizedCacheControlHeaderStrategy": "unauthorizedCacheControlHeaderStrategy",
}


class Deployments(ControlPlane):
    """CreateDeployment, CreateStage and their kin."""

    def create_deployment(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            _check_deployable(api)
            stage_name = request.get("stageName")
            if stage_name and not _STAGE_NAME.match(stage_name):
                raise bad_request("Stage name only allows a-zA-Z0-9_")
            now = self.account.clock.now()
            deployment = {"id": new_id(6), "createdDate": now, **members(request, "description")}
            api.deployments[deployment["id"]] = deployment
            api.snapshots[deployment["id"]] = api.snapshot()
            if stage_name in api.stages:
                stage = {**api.stages[stage_name], "deploymentId": deployment["id"]}
                stage.update(members(request, "variables"), lastUpdatedDate=now)
                api.stages[stage_name] = stage
            elif stage_name:
                description = {"description": request.get("stageDescription")}
                made = {**request, **description, "deploymentId": deployment["id"]}
                api.stages[stage_name] = self._stage(made)
            return dict(deployment)

    def get_deployment(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return dict(_deployment(self.api(request), request["deploymentId"]))

    def get_deployments(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return page(request, self.api(request).deployments.values())

    def update_deployment(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            deployments = self.api(request).deployments
            name = request["deploymentId"]
            current = _deployment(self.api(request), name)
            operations = request.get("patchOperations", [])
            deployments[name] = patched(current, operations, ["description"])
            return dict(deployments[name])

    def delete_deployment(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api, name = self.api(request), request["deploymentId"]
            _deployment(api, name)
            if any(stage["deploymentId"] == name for stage in api.stages.values()):
                raise bad_request(
                    "Active stages pointing to this deployment must be moved or deleted"
                )
            del api.deployments[name], api.snapshots[name]
        return {}

    def create_stage(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            _deployment(api, request["deploymentId"])
            if not _STAGE_NAME.match(request["stageName"]):
                raise bad_request("Stage name only allows a-zA-Z0-9_")
            if request["stageName"] in api.stages:
                raise ServiceError("ConflictException", "Stage already exists", 409)
            stage = self._stage(request)
            api.stages[request["stageName"]] = stage
            return copy.deepcopy(stage)

    def get_stage(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return copy.deepcopy(_stage(self.api(request), request))

    def get_stages(self, request: Request, caller: Caller) -> Response:
        wanted = request.get("deploymentId")
        with self.state.lock:
            stages = self.api(request).stages.values()
            found = [s for s in stages if wanted in (None, s["deploymentId"])]
            return {"item": copy.deepcopy(found)}

    def update_stage(self, request: Request, caller: Caller) -> Response:
        """Patches of the stage's own members, and `/{resource}/{METHOD}/throttling/rateLimit`."""
        with self.state.lock:
            api = self.api(request)
            stage = copy.deepcopy(_stage(api, request))
            own = []
            for operation in request.get("patchOperations", []):
                if not _patch_method_settings(stage["methodSettings"], operation):
                    own.append(operation)
            stage = patched(stage, own, _PATCHABLE)
            _deployment(api, stage["deploymentId"])
            stage["lastUpdatedDate"] = self.account.clock.now()
            api.stages[request["stageName"]] = stage
            return copy.deepcopy(stage)

    def delete_stage(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            _stage(self.api(request), request)
            del self.api(request).stages[request["stageName"]]
        return {}

    def _stage(self, request: Request) -> Record:
        now = self.account.clock.now()
        return {
            "methodSettings": {},
            "tracingEnabled": False,
            "cacheClusterEnabled": False,
            "cacheClusterStatus": "NOT_AVAILABLE",
            "createdDate": now,
            "lastUpdatedDate": now,
            **members(request, *_STAGE),
        }


def _patch_method_settings(settings: dict[str, Record], operation: Record) -> bool:
    """Apply a patch of method settings; False when the operation is not one."""
    parts = path_parts(operation.get("path", ""))
    if parts[0] == "methodSettings":
        parts = parts[1:]
    if len(parts) == 2 and operation.get("op") == "remove":
        settings.pop(_settings_key(parts[0], parts[1]), None)
        return True
    if len(parts) != 4:
        return False
    member = _METHOD_SETTINGS.get("/".join(parts[2:]))
    if member is None:
        raise bad_request(f"Invalid method setting path: {operation['path']}")
    current = settings.setdefault(_settings_key(parts[0], parts[1]), {})
    if operation.get("op") == "remove":
        current.pop(member, None)
    else:
        current[member] = typed(member, operation.get("value"))
    return True


def _settings_key(resource_path: str, http_method: str) -> str:
    return f"{resource_path.replace('/', '~1')}/{http_method}"


def _deployment(api: RestApi, name: str) -> Record:
    found: Record = require(api.deployments, name, "Invalid Deployment identifier specified")
    return found


def _stage(api: RestApi, request: Request) -> Record:
    found: Record = require(api.stages, request["stageName"], "Invalid stage identifier specified")
    return found


def _check_deployable(api: RestApi) -> None:
    methods = [
        method
        for resource in api.resources.values()
        for method in resource.get("resourceMethods", {}).values()
    ]
    if not methods:
        raise bad_request("The REST API doesn't contain any methods")
    if any("methodIntegration" not in method for method in methods):
        raise bad_request("No integration defined for method")
