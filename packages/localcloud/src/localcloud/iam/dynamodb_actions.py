"""DynamoDB's actions: on tables, indexes, and each item of a batch or transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from localcloud.iam.demand import EVERYTHING, Demand, Parameters, Place

_TRANSACTION_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_STATEMENT = re.compile(
    r"""\s*(SELECT|INSERT|UPDATE|DELETE)\b.*?(?:FROM|INTO|UPDATE)\s+"?([\w.-]+)"?(?:\."?([\w-]+)"?)?""",
    re.IGNORECASE | re.DOTALL,
)


def dynamodb_demands(operation: str, parameters: Parameters, place: Place) -> list[Demand]:
    """Every action that an operation of DynamoDB needs."""
    if operation in ("BatchGetItem", "BatchWriteItem"):
        requested = parameters.get("RequestItems", {})
        return [_batch(operation, table, items, place) for table, items in requested.items()]
    if operation in ("TransactGetItems", "TransactWriteItems"):
        return list(_transaction(parameters, place))
    if "Statement" in operation or operation == "ExecuteTransaction":
        return [_statement(text, place) for text in _statements(parameters)]
    name = parameters.get("TableName") or parameters.get("ResourceArn")
    if not name:
        return [Demand(f"dynamodb:{operation}", EVERYTHING)]
    resource = _table(str(name), place)
    if index := parameters.get("IndexName"):
        resource += f"/index/{index}"
    keys = [parameters.get("Key") or parameters.get("Item")]
    context = _leading_keys(str(name), keys, place) or _query_key(str(name), parameters, place)
    return [Demand(f"dynamodb:{operation}", resource, context)]


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _batch(operation: str, table: str, items: Any, place: Place) -> Demand:
    if operation == "BatchGetItem":
        keys = items.get("Keys", [])
    else:
        requests = [request for item in items for request in item.values()]
        keys = [request.get("Item") or request.get("Key") for request in requests]
    context = _leading_keys(table, keys, place)
    return Demand(f"dynamodb:{operation}", _table(table, place), context)


def _transaction(parameters: Parameters, place: Place) -> Iterator[Demand]:
    for item in parameters.get("TransactItems", []):
        for kind, request in item.items():
            table = request.get("TableName", "")
            context = _leading_keys(table, [request.get("Key") or request.get("Item")], place)
            action = f"dynamodb:{_TRANSACTION_ACTIONS.get(kind, kind)}"
            yield Demand(action, _table(table, place), context)


def _leading_keys(table: str, keys: Iterable[Any], place: Place) -> dict[str, list[str]]:
    name = place.inventory.partition_key(table.rpartition("/")[2])
    values = [_text(key[name]) for key in keys if key and name in key]
    return {"dynamodb:leadingkeys": values} if values else {}


def _query_key(table: str, parameters: Parameters, place: Place) -> dict[str, list[str]]:
    """The partition key's value of a query, whose condition must compare it with one value."""
    expression = parameters.get("KeyConditionExpression")
    name = place.inventory.partition_key(table.rpartition("/")[2], parameters.get("IndexName"))
    if not expression or not name:
        return {}
    names = parameters.get("ExpressionAttributeNames", {})
    values = parameters.get("ExpressionAttributeValues", {})
    for attribute, placeholder in re.findall(r"([\w#.-]+)\s*=\s*(:\w+)", expression):
        if names.get(attribute, attribute) == name and placeholder in values:
            return {"dynamodb:leadingkeys": [_text(values[placeholder])]}
    return {}


def _text(attribute: Any) -> str:
    return str(next(iter(attribute.values()), "")) if isinstance(attribute, dict) else ""


def _statements(parameters: Parameters) -> list[str]:
    if "Statement" in parameters:
        return [str(parameters["Statement"])]
    listed = parameters.get("Statements") or parameters.get("TransactStatements") or []
    return [str(one.get("Statement", "")) for one in listed]


def _statement(text: str, place: Place) -> Demand:
    match = _STATEMENT.match(text)
    if match is None:
        return Demand("dynamodb:PartiQLSelect", EVERYTHING)
    resource = _table(match[2], place) + (f"/index/{match[3]}" if match[3] else "")
    return Demand(f"dynamodb:PartiQL{match[1].capitalize()}", resource)
