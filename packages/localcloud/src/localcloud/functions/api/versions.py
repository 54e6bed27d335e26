"""Operations on versions and aliases."""

from __future__ import annotations

from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, conflict, missing
from localcloud.functions.function import Function, reference, revision


class VersionOperations(LambdaParts):
    def publish_version(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            latest = function.latest.configuration
            expected = request.get("CodeSha256")
            if expected and expected != latest["CodeSha256"]:
                raise conflict(f"CodeSHA256 ({expected}) is different from current CodeSHA256")
            published = function.publish()
            if description := request.get("Description"):
                published.configuration["Description"] = description
            return published.configuration

    def list_versions_by_function(self, request: Request, caller: Caller) -> Response:
        function = self.catalog.function(request["FunctionName"])
        versions = [function.latest, *function.versions.values()]
        return {"Versions": [version.configuration for version in versions]}

    def create_alias(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            name = request["Name"]
            if name in function.aliases:
                raise conflict(f"Alias already exists: {function.qualified_arn(name)}")
            function.version(request["FunctionVersion"])
            function.aliases[name] = self._alias(function, name, request)
            return function.aliases[name]

    def update_alias(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            before = _found(function, request["Name"])
            merged = before | {k: v for k, v in request.items() if v is not None}
            function.version(merged["FunctionVersion"])
            function.aliases[request["Name"]] = self._alias(function, request["Name"], merged)
            return function.aliases[request["Name"]]

    def get_alias(self, request: Request, caller: Caller) -> Response:
        return _found(self.catalog.function(request["FunctionName"]), request["Name"])

    def list_aliases(self, request: Request, caller: Caller) -> Response:
        name, _ = reference(request["FunctionName"])
        version = request.get("FunctionVersion")
        aliases = self.catalog.function(name).aliases.values()
        return {"Aliases": [a for a in aliases if version in (None, a["FunctionVersion"])]}

    def delete_alias(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            function.aliases.pop(request["Name"], None)
            function.permissions.pop(request["Name"], None)
        return {}

    @staticmethod
    def _alias(function: Function, name: str, request: dict[str, Any]) -> dict[str, Any]:
        alias: dict[str, Any] = {
            "AliasArn": function.qualified_arn(name),
            "Name": name,
            "FunctionVersion": request["FunctionVersion"],
            "Description": request.get("Description", ""),
        }
        if routing := request.get("RoutingConfig"):
            for number in routing.get("AdditionalVersionWeights", {}):
                function.version(number)
            alias["RoutingConfig"] = routing
        return {**alias, "RevisionId": revision(alias)}


def _found(function: Function, name: str) -> dict[str, Any]:
    if name not in function.aliases:
        raise missing(f"Cannot find alias arn: {function.qualified_arn(name)}")
    return function.aliases[name]
