"""The AWS calls a function's source makes, found by reading it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel
from localcloud.check import action_name

from tests.stacks.aws_limits import complaints
from tests.stacks.signed_clients import signed_clients

MEGURU = Path(__file__).parents[2] / "meguru"
# Shared modules that call what they are handed.
CALLING = (
    "meguru.conditional_update",
    "meguru.consumer_directory",
    "meguru.endpoint_logs",
    "meguru.ledger",
    "meguru.ledger_books",
    "meguru.pending_feedback",
    "meguru.run_claim",
)
# The resource API's one noun in use: a Table's methods are operations on its own table.
TABLE_MEMBER = "TableName"
# Functions have updates in theirs, and nothing else.
TRANSACTION = "TransactWriteItems"
# Operations by the method's name that a Python object of another kind may have as well.
NOT_AWS = {"get", "put", "copy", "close", "query_string", "search"}


@dataclass(frozen=True)
class FunctionCall:
    """A call of an operation. `arguments` are those it names; `**` may hide others."""

    place: str
    service: str
    operation: OperationModel
    arguments: Mapping[str, ast.expr]
    is_whole: bool
    of_table: bool

    @property
    def action(self) -> str:
        # DynamoDB permits a transaction by the writes that are in it.
        name = self.operation.name.replace(TRANSACTION, "UpdateItem")
        return action_name(self.service, name)

    def complaints(self) -> Iterator[str]:
        """What AWS's model has against the call."""
        shape = self.operation.input_shape
        if not self.is_whole or shape is None:
            return
        given = self.arguments.keys() | ({TABLE_MEMBER} if self.of_table else set())
        for name in sorted(given - set(shape.members)):
            yield f"{self.place}: {self.operation.name} has no parameter {name}"
        for name in sorted(set(shape.required_members) - given):
            yield f"{self.place}: {self.operation.name} needs {name}"

    def value_complaints(self, values: Values) -> Iterator[str]:
        """What AWS has against what the call gives, with example values of what it's made of."""
        shape = self.operation.input_shape
        if self.of_table or shape is None:
            return
        for name, argument in self.arguments.items():
            value = values.evaluate(argument)
            for said in complaints(shape.members[name], value, name):
                yield f"{self.place}: {self.operation.name}: {said}"


class Values(dict[str, Any]):
    """What the names in a function's source stand for, when one of its calls is evaluated.

    That is what its modules have, example values of what it is handed, and what it assigns.
    """

    def __init__(self, folder: Path, examples: Mapping[str, Any]) -> None:
        super().__init__()
        self._assigned: dict[str, ast.expr] = {}
        for path in sources(folder):
            self |= vars(import_module(f"{_package(path, folder)}.{path.stem}"))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self._assigned[node.targets[0].id] = node.value
        self |= examples

    def __missing__(self, name: str) -> Any:
        if name not in self._assigned:
            raise KeyError(name)
        return self.evaluate(self._assigned[name])

    def evaluate(self, expression: ast.expr) -> Any:
        return eval(ast.unparse(expression), {}, self)


def sources(folder: Path) -> list[Path]:
    """A function's own modules, and those of the shared ones that it hands its clients to."""
    found = sorted(folder.glob("*.py"))
    for path in found:  # which grows: a shared module hands its client on to another
        found += [one for one in _calling(path) if one not in found]
    return found


def _calling(path: Path) -> list[Path]:
    """The shared modules that a module hands a client to."""
    imported = {
        node.module.removeprefix("meguru.")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in CALLING
    }
    return [MEGURU / f"{name}.py" for name in sorted(imported)]


def _package(path: Path, folder: Path) -> str:
    return "meguru" if path.parent == MEGURU else f"lambdas.{folder.name}"


def function_calls(folder: Path) -> list[FunctionCall]:
    """Every call in a function's folder.

    ValueError for a client's method that is no operation, or that the function's own clients lack.
    """
    trees = {path: ast.parse(path.read_text()) for path in sources(folder)}
    services = {name: _operations(name) for tree in trees.values() for name in _clients(tree)}
    own_methods = _own_methods(list(trees.values()))
    found: list[FunctionCall] = []
    for path, tree in trees.items():
        factories = _factories(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                place = f"{path.parent.name}/{path.name}:{node.lineno}"
                for call in _call(node, _paged(node.func), place, services, factories):
                    method = xform_name(call.operation.name)
                    if method not in own_methods.get(call.service, {method}):
                        raise ValueError(f"{place}: no client of {call.service} has {method}")
                    found.append(call)
    return found


def _own_methods(trees: list[ast.Module]) -> dict[str, set[str]]:
    """What the function's own clients can call, of each service that it has no boto3 client of."""
    found: dict[str, set[str]] = {}
    for tree in trees:
        for client in signed_clients(tree).values():
            found.setdefault(client.service, set()).update(client.methods)
    of_boto3 = {name for tree in trees for name in _boto3_clients(tree)}
    return {service: methods for service, methods in found.items() if service not in of_boto3}


def services_used(folder: Path) -> set[str]:
    return {name for path in folder.glob("*.py") for name in _clients(ast.parse(path.read_text()))}


def _call(
    node: ast.Call,
    method: ast.Attribute,
    place: str,
    services: dict[str, dict[str, OperationModel]],
    factories: dict[str, str],
) -> Iterator[FunctionCall]:
    own = _factory(method.value, factories)
    candidates = [own] if own else list(services)
    for service in candidates:
        operation = services[service].get(method.attr)
        if operation is not None and method.attr not in NOT_AWS:
            named = {one.arg: one.value for one in node.keywords if one.arg is not None}
            is_whole = len(named) == len(node.keywords)
            is_table = service == "dynamodb" and TABLE_MEMBER not in named
            is_table = is_table and TABLE_MEMBER in operation.input_shape.members
            yield FunctionCall(place, service, operation, named, is_whole, is_table)
            return
    if own and method.attr not in ("exceptions", "Table", "get_paginator"):
        raise ValueError(f"{place}: {own} has no operation {method.attr}")


def _paged(method: ast.Attribute) -> ast.Attribute:
    """`client.list_models` for `client.get_paginator("list_models").paginate`."""
    match method:
        case ast.Attribute(
            attr="paginate",
            value=ast.Call(
                func=ast.Attribute(attr="get_paginator", value=client),
                args=[ast.Constant(value=str(name))],
            ),
        ):
            return ast.Attribute(value=client, attr=name)
    return method


def _factory(value: ast.expr, factories: dict[str, str]) -> str | None:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return factories.get(value.func.id)
    return None


def _factories(tree: ast.Module) -> dict[str, str]:
    """What makes one client and nothing else: `def s3(): return client`, or a client's class."""
    own = {name: client.service for name, client in signed_clients(tree).items()}
    return own | {
        node.name: next(iter(clients))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for clients in [_boto3_clients(node) | _made(node, own)]
        if len(clients) == 1 and len(node.body) == 1
    }


def _clients(tree: ast.Module) -> set[str]:
    """The services that a module makes clients of: boto3's, or the function's own."""
    own = {name: client.service for name, client in signed_clients(tree).items()}
    return _boto3_clients(tree) | _made(tree, own)


def _made(tree: ast.AST, own: Mapping[str, str]) -> set[str]:
    """The services of `DynamoDb()`, by the names of the function's own clients."""
    return {
        own[node.func.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own
    }


def _boto3_clients(tree: ast.AST) -> set[str]:
    """The services of `boto3.client(NAME)` and `boto3.resource(NAME)`."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("boto3.client", "boto3.resource")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


@cache
def _session() -> Any:
    return botocore.session.get_session()


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    model: ServiceModel = _session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}
