"""Operations on the policies of functions: who else may invoke them."""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.functions.api.parts import LambdaParts, conflict, missing
from localcloud.functions.function import LATEST, Function, reference, revision


class PermissionOperations(LambdaParts):
    def add_permission(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function, qualifier = self._policy_of(request)
            statements = function.permissions.setdefault(qualifier, {})
            identity = request["StatementId"]
            if identity in statements:
                raise conflict(
                    f"The statement id ({identity}) provided already exists. Please provide a new "
                    "statement id, or remove the existing statement."
                )
            statement = _statement(request, function.qualified_arn(qualifier))
            statements[identity] = statement
        return {"Statement": json.dumps(statement)}

    def remove_permission(self, request: Request, caller: Caller) -> Response:
        with self.catalog.lock:
            function, qualifier = self._policy_of(request)
            removed = function.permissions.get(qualifier, {}).pop(request["StatementId"], None)
        if removed is None:
            raise missing(f"Statement {request['StatementId']} is not found in resource policy.")
        return {}

    def get_policy(self, request: Request, caller: Caller) -> Response:
        function, qualifier = self._policy_of(request)
        policy = self.resource_policy(function.qualified_arn(qualifier))
        if policy is None:
            raise missing("The resource you requested does not exist.")
        return {"Policy": json.dumps(policy), "RevisionId": revision(policy)}

    def resource_policy(self, arn: str) -> dict[str, Any] | None:
        """The policy of a function, version or alias; None where it has none, or no such exists."""
        if ":function:" not in arn:
            return None
        name, qualifier = reference(arn)
        function = self.catalog.functions.get(name)
        statements = function.permissions.get(_key(qualifier)) if function else None
        if not statements:
            return None
        return {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}

    def _policy_of(self, request: Request) -> tuple[Function, str]:
        name, qualifier = reference(request["FunctionName"], request.get("Qualifier"))
        function = self.catalog.function(name)
        function.version(qualifier)
        return function, _key(qualifier)


def _key(qualifier: str | None) -> str:
    return "" if qualifier in (None, LATEST) else str(qualifier)


def _statement(request: Request, resource: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": resource,
    }
    if condition := _condition(request):
        statement["Condition"] = condition
    return statement


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return {"Service": principal}
    account = re.fullmatch(r"\d{12}", principal)
    return {"AWS": f"arn:aws:iam::{principal}:root" if account else principal}


def _condition(request: Request) -> dict[str, dict[str, str]]:
    condition: dict[str, dict[str, str]] = {}
    equals = {
        "AWS:SourceAccount": request.get("SourceAccount"),
        "aws:PrincipalOrgID": request.get("PrincipalOrgID"),
        "lambda:EventSourceToken": request.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": request.get("FunctionUrlAuthType"),
    }
    if given := {key: value for key, value in equals.items() if value}:
        condition["StringEquals"] = given
    if (via_url := request.get("InvokedViaFunctionUrl")) is not None:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(via_url).lower()}
    if source := request.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": source}
    return condition
