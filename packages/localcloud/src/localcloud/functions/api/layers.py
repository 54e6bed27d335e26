"""Operations on layers of this account."""

from __future__ import annotations

import json
from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, lambda_time, missing
from localcloud.functions.catalog import LayerVersion
from localcloud.functions.code import fetch_code
from localcloud.functions.function import revision


class LayerOperations(LambdaParts):
    def publish_layer_version(self, request: Request, caller: Caller) -> Response:
        name = request["LayerName"].rpartition(":")[2]
        folder = self.catalog.new_folder(f"layer-{name}")
        code = fetch_code(self.account, request["Content"], folder, "")
        with self.catalog.lock:
            versions = self.catalog.layers.setdefault(name, {})
            number = max(versions, default=0) + 1
            arn = f"{self.catalog.prefix}:layer:{name}"
            description: dict[str, Any] = {
                "Content": {
                    "Location": code.folder.as_uri(),
                    "CodeSha256": code.sha256,
                    "CodeSize": code.size,
                },
                "LayerArn": arn,
                "LayerVersionArn": f"{arn}:{number}",
                "Description": request.get("Description", ""),
                "CreatedDate": lambda_time(self.account.clock.now()),
                "Version": number,
            }
            for member in ("CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"):
                if member in request:
                    description[member] = request[member]
            versions[number] = LayerVersion(f"{arn}:{number}", code, description)
        return description

    def get_layer_version(self, request: Request, caller: Caller) -> Response:
        return self.catalog.layer_version(
            request["LayerName"], request["VersionNumber"]
        ).description

    def get_layer_version_by_arn(self, request: Request, caller: Caller) -> Response:
        return self.catalog.layer_version(request["Arn"]).description

    def list_layer_versions(self, request: Request, caller: Caller) -> Response:
        name = request["LayerName"].rpartition(":")[2]
        versions = self.catalog.layers.get(name, {})
        ordered = sorted(versions.items(), reverse=True)
        return {"LayerVersions": [_summary(version) for _, version in ordered]}

    def list_layers(self, request: Request, caller: Caller) -> Response:
        layers = [
            {
                "LayerName": name,
                "LayerArn": f"{self.catalog.prefix}:layer:{name}",
                "LatestMatchingVersion": _summary(versions[max(versions)]),
            }
            for name, versions in sorted(self.catalog.layers.items())
            if versions
        ]
        return {"Layers": layers}

    def delete_layer_version(self, request: Request, caller: Caller) -> Response:
        name = request["LayerName"].rpartition(":")[2]
        self.catalog.layers.get(name, {}).pop(request["VersionNumber"], None)
        return {}

    def add_layer_version_permission(self, request: Request, caller: Caller) -> Response:
        layer = self.catalog.layer_version(request["LayerName"], request["VersionNumber"])
        statement = {
            "Sid": request["StatementId"],
            "Effect": "Allow",
            "Principal": request["Principal"],
            "Action": request["Action"],
            "Resource": layer.arn,
        }
        layer.permissions[request["StatementId"]] = statement
        return {"Statement": json.dumps(statement), "RevisionId": revision(statement)}

    def remove_layer_version_permission(self, request: Request, caller: Caller) -> Response:
        layer = self.catalog.layer_version(request["LayerName"], request["VersionNumber"])
        if layer.permissions.pop(request["StatementId"], None) is None:
            raise missing(f"Statement {request['StatementId']} is not found in resource policy.")
        return {}


def _summary(version: LayerVersion) -> dict[str, Any]:
    return {k: v for k, v in version.description.items() if k not in ("Content", "LayerArn")}
