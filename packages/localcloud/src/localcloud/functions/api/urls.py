"""Operations on function URLs."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, conflict, invalid, missing
from localcloud.functions.function import LATEST, Function, reference
from localcloud.functions.url_front import PREFIX


class UrlOperations(LambdaParts):
    """Configurations are kept by the function, by qualifier ("" for the function itself)."""

    def create_function_url_config(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function, qualifier = self._target(request)
            arn = function.qualified_arn(qualifier)
            if qualifier in function.url_configs:
                raise conflict(f"Failed to create function url config for [functionArn = {arn}]")
            now, address = self.timestamp(), self.account.endpoint_url + PREFIX + _url_id(arn)
            config: dict[str, Any] = {
                "FunctionUrl": f"{address}/",
                "FunctionArn": arn,
                "AuthType": request["AuthType"],
                "InvokeMode": request.get("InvokeMode") or "BUFFERED",
                "CreationTime": now,
                "LastModifiedTime": now,
            }
            if request.get("Cors"):
                config["Cors"] = request["Cors"]
            function.url_configs[qualifier] = config
            self.urls.configs[_url_id(arn)] = config
            return config

    def update_function_url_config(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            config = self._config(request)
            for name in ("AuthType", "Cors", "InvokeMode"):
                if request.get(name) is not None:
                    config[name] = request[name]
            config["LastModifiedTime"] = self.timestamp()
            return config

    def get_function_url_config(self, request: Request, caller: Caller) -> Response:
        return self._config(request)

    def list_function_url_configs(self, request: Request, caller: Caller) -> Response:
        function = self.catalog.function(request["FunctionName"])
        return {"FunctionUrlConfigs": list(function.url_configs.values())}

    def delete_function_url_config(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            config = self._config(request)
            function, qualifier = self._target(request)
            del function.url_configs[qualifier]
            self.urls.forget(config)
        return {}

    def _config(self, request: Request) -> dict[str, Any]:
        function, qualifier = self._target(request)
        if qualifier not in function.url_configs:
            raise missing("The resource you requested does not exist.")
        return function.url_configs[qualifier]

    def _target(self, request: Request) -> tuple[Function, str]:
        name, qualifier = reference(request["FunctionName"], request.get("Qualifier"))
        function = self.catalog.function(name)
        if qualifier and qualifier not in function.aliases:
            if qualifier == LATEST or qualifier.isdigit():
                raise invalid(f"A function URL is for a function or an alias, not for {qualifier}")
            function.version(qualifier)
        return function, qualifier or ""


def _url_id(arn: str) -> str:
    """The same each time the cloud starts, as all names are."""
    digest = hashlib.sha256(arn.encode()).digest()
    return base64.b32encode(digest)[:32].decode().lower()
