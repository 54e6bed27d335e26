"""Operations on functions: create, update, look up, delete."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, conflict, invalid
from localcloud.functions.code import Code, fetch_code
from localcloud.functions.environment import check_runtime, command
from localcloud.functions.function import LATEST, Function, Version, reference, revision

_SETTINGS = (
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "Environment",
    "Runtime",
    "DeadLetterConfig",
    "KMSKeyArn",
    "TracingConfig",
    "FileSystemConfigs",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
    "Architectures",
)
_DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "Architectures": ["x86_64"],
}
_RESERVED = {
    "_HANDLER",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
}


class FunctionOperations(LambdaParts):
    def create_function(self, request: Request, caller: Caller) -> Response:
        name, _ = reference(request["FunctionName"])
        check_runtime(request.get("Runtime"), request.get("PackageType", "Zip"))
        _check_handler(request.get("Handler"))
        with self.catalog.lock:
            if name in self.catalog.functions:
                raise conflict(f"Function already exist: {name}")
            arn = f"{self.catalog.prefix}:function:{name}"
            code = self._code(name, request["Code"], request["Runtime"])
            version = self._version(name, arn, request, code)
            function = Function(name, arn, version, tags=dict(request.get("Tags", {})))
            self.catalog.functions[name] = function
            return (function.publish() if request.get("Publish") else version).configuration

    def update_function_code(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            code = self._code(function.name, request, function.latest.runtime)
            updated = {"CodeSha256": code.sha256, "CodeSize": code.size}
            if "Architectures" in request:
                updated["Architectures"] = request["Architectures"]
            configuration = function.latest.configuration | updated
            if request.get("DryRun"):
                return configuration
            self._replace(
                function,
                function.latest.changed(code=code, configuration=self._dated(configuration)),
            )
            latest = function.publish() if request.get("Publish") else function.latest
            return latest.configuration

    def update_function_configuration(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function = self.catalog.function(request["FunctionName"])
            self._check_revision(request, function.latest)
            runtime = request.get("Runtime", function.latest.runtime)
            check_runtime(runtime)
            merged = {**_settings(function.latest.configuration), **_settings(request)}
            merged["Runtime"] = runtime
            known = [layer.arn for layer in function.latest.layers]
            merged["Layers"] = request.get("Layers", known)
            self._replace(
                function, self._version(function.name, function.arn, merged, function.latest.code)
            )
            return function.latest.configuration

    def get_function(self, request: Request, caller: Caller) -> Response:
        function = self.catalog.function(request["FunctionName"])
        version = self.catalog.version(request["FunctionName"], request.get("Qualifier"))
        response: Response = {
            "Configuration": self._described(request, version),
            "Code": {"RepositoryType": "S3", "Location": version.code.folder.as_uri()},
        }
        if function.tags:
            response["Tags"] = function.tags
        if function.reserved_concurrency is not None:
            response["Concurrency"] = {
                "ReservedConcurrentExecutions": function.reserved_concurrency
            }
        return response

    def get_function_configuration(self, request: Request, caller: Caller) -> Response:
        version = self.catalog.version(request["FunctionName"], request.get("Qualifier"))
        return self._described(request, version)

    def list_functions(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            functions = sorted(self.catalog.functions.values(), key=lambda f: f.name)
        if request.get("FunctionVersion") == "ALL":
            versions = [v for f in functions for v in (f.latest, *f.versions.values())]
        else:
            versions = [function.latest for function in functions]
        return {"Functions": [version.configuration for version in versions]}

    def delete_function(self, request: Request, caller: Caller) -> Response:
        name, qualifier = reference(request["FunctionName"], request.get("Qualifier"))
        with self.catalog.lock:
            function = self.catalog.function(name)
            if qualifier:
                self._delete_version(function, qualifier)
                return {}
            del self.catalog.functions[name]
            for config in function.url_configs.values():
                self.urls.forget(config)
        for version in (function.latest, *function.versions.values()):
            self.pools.retire(version)
        return {}

    def _delete_version(self, function: Function, qualifier: str) -> None:
        users = [
            name
            for name, alias in function.aliases.items()
            if alias["FunctionVersion"] == qualifier
        ]
        if qualifier == LATEST or users:
            raise conflict(f"Version {qualifier} can't be deleted: it is used by {users or LATEST}")
        if version := function.versions.pop(qualifier, None):
            self.pools.retire(version)

    def _replace(self, function: Function, version: Version) -> None:
        replaced, function.latest = function.latest, version
        self.pools.retire(replaced)

    def _code(self, name: str, source: dict[str, Any], runtime: str) -> Code:
        return fetch_code(self.account, source, self.catalog.new_folder(name), runtime)

    def _version(self, name: str, arn: str, request: dict[str, Any], code: Code) -> Version:
        layers = tuple(self.catalog.layer(layer) for layer in request.get("Layers") or [])
        configuration: dict[str, Any] = {
            **copy.deepcopy(_DEFAULTS),
            **_settings(request),
            "FunctionName": name,
            "FunctionArn": arn,
            "Runtime": request["Runtime"],
            "CodeSha256": code.sha256,
            "CodeSize": code.size,
            "Version": LATEST,
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Layers": [{"Arn": layer.arn} for layer in layers],
        }
        logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
        configuration["LoggingConfig"] = logging | configuration.get("LoggingConfig", {})
        _check_variables(configuration)
        _check_dead_letters(configuration)
        _check_limit(configuration, "Timeout", 1, 900)
        _check_limit(configuration, "MemorySize", 128, 10240)
        version = Version(LATEST, self._dated(configuration), code, layers)
        command(version)
        return version

    def _dated(self, configuration: dict[str, Any]) -> dict[str, Any]:
        dated = {**configuration, "LastModified": self.timestamp()}
        return {**dated, "RevisionId": revision(dated)}

    def _described(self, request: Request, version: Version) -> dict[str, Any]:
        _, qualifier = reference(request["FunctionName"], request.get("Qualifier"))
        function = self.catalog.function(request["FunctionName"])
        arn = function.qualified_arn(qualifier)
        return {**version.configuration, "FunctionArn": arn}

    @staticmethod
    def _check_revision(request: Request, version: Version) -> None:
        expected = request.get("RevisionId")
        if expected and expected != version.configuration["RevisionId"]:
            raise conflict(f"The Revision Id provided does not match the latest: {expected}")


def _settings(request: dict[str, Any]) -> dict[str, Any]:
    return {name: request[name] for name in _SETTINGS if request.get(name) is not None}


def _check_handler(handler: str | None) -> None:
    if not handler:
        raise invalid("Handler is required for functions from zip or folder")


def _check_dead_letters(configuration: dict[str, Any]) -> None:
    target = configuration.get("DeadLetterConfig", {}).get("TargetArn")
    if target and target.split(":")[2:3] not in (["sqs"], ["sns"]):
        raise invalid(f"{target} can't be a dead-letter target: use a queue or a topic")


def _check_limit(configuration: dict[str, Any], name: str, least: int, most: int) -> None:
    if not least <= configuration[name] <= most:
        raise invalid(f"{name} must be from {least} to {most}, not {configuration[name]}")


def _check_variables(configuration: dict[str, Any]) -> None:
    variables = configuration.get("Environment", {}).get("Variables", {})
    if taken := sorted(_RESERVED & variables.keys()):
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(taken)}"
        )
    if sum(len(name) + len(str(value)) for name, value in variables.items()) > 4096:
        raise invalid("The environment variables are larger than 4 KB, Lambda's limit")
