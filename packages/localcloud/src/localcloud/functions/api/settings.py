"""Operations on what a function may: concurrency, asynchronous invocation, tags."""

from __future__ import annotations

from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, invalid, missing
from localcloud.functions.delivery import check_destination
from localcloud.functions.function import LATEST, Function, reference
from localcloud.functions.pool import ACCOUNT_CONCURRENCY


class SettingOperations(LambdaParts):
    def put_function_concurrency(self, request: Request, caller: Caller) -> Response:
        reserved = request["ReservedConcurrentExecutions"]
        if reserved > ACCOUNT_CONCURRENCY:
            raise invalid(f"The account's concurrency is {ACCOUNT_CONCURRENCY}")
        self.catalog.function(request["FunctionName"]).reserved_concurrency = reserved
        return {"ReservedConcurrentExecutions": reserved}

    def get_function_concurrency(self, request: Request, caller: Caller) -> Response:
        reserved = self.catalog.function(request["FunctionName"]).reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete_function_concurrency(self, request: Request, caller: Caller) -> Response:
        self.catalog.function(request["FunctionName"]).reserved_concurrency = None
        return {}

    def get_account_settings(self, request: Request, caller: Caller) -> Response:
        return {
            "AccountLimit": {"ConcurrentExecutions": ACCOUNT_CONCURRENCY},
            "AccountUsage": {"FunctionCount": len(self.catalog.functions)},
        }

    def put_function_event_invoke_config(self, request: Request, caller: Caller) -> Response:
        function, qualifier = self._qualified(request)
        function.invoke_configs[qualifier] = self._invoke_config(function, qualifier, request)
        return function.invoke_configs[qualifier]

    def update_function_event_invoke_config(self, request: Request, caller: Caller) -> Response:
        function, qualifier = self._qualified(request)
        merged = {**self._found_config(function, qualifier), **request}
        function.invoke_configs[qualifier] = self._invoke_config(function, qualifier, merged)
        return function.invoke_configs[qualifier]

    def get_function_event_invoke_config(self, request: Request, caller: Caller) -> Response:
        return self._found_config(*self._qualified(request))

    def list_function_event_invoke_configs(self, request: Request, caller: Caller) -> Response:
        function = self.catalog.function(request["FunctionName"])
        return {"FunctionEventInvokeConfigs": list(function.invoke_configs.values())}

    def delete_function_event_invoke_config(self, request: Request, caller: Caller) -> Response:
        function, qualifier = self._qualified(request)
        self._found_config(function, qualifier)
        del function.invoke_configs[qualifier]
        return {}

    def tag_resource(self, request: Request, caller: Caller) -> Response:
        self._tags(request["Resource"]).update(request["Tags"])
        return {}

    def untag_resource(self, request: Request, caller: Caller) -> Response:
        tags = self._tags(request["Resource"])
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags(self, request: Request, caller: Caller) -> Response:
        return {"Tags": dict(self._tags(request["Resource"]))}

    def _tags(self, arn: str) -> dict[str, str]:
        if ":event-source-mapping:" in arn:
            return self.mappings.tags(arn.rpartition(":")[2])
        return self.catalog.function(arn).tags

    def _qualified(self, request: Request) -> tuple[Function, str]:
        name, qualifier = reference(request["FunctionName"], request.get("Qualifier"))
        function = self.catalog.function(name)
        function.version(qualifier)
        return function, qualifier or LATEST

    def _invoke_config(
        self, function: Function, qualifier: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        destinations = request.get("DestinationConfig", {})
        for destination in destinations.values():
            if arn := destination.get("Destination"):
                check_destination(arn)
        config: dict[str, Any] = {
            "FunctionArn": function.qualified_arn(qualifier),
            "LastModified": self.account.clock.now(),
            "DestinationConfig": destinations,
        }
        for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
            if request.get(name) is not None:
                config[name] = request[name]
        return config

    @staticmethod
    def _found_config(function: Function, qualifier: str) -> dict[str, Any]:
        if qualifier not in function.invoke_configs:
            raise missing(
                f"The function {function.qualified_arn(qualifier)} doesn't have an "
                "EventInvokeConfig"
            )
        return function.invoke_configs[qualifier]
