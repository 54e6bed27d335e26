"""Updates that set, add to or take from whole attributes, as most are.

moto reads, copies and walks an expression's tree a dozen times for each. What is more than plain,
and whatever may be wrong, is left to it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_MEMBERS = {
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "Key",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
    "TableName",
    "UpdateExpression",
}
_SETS, _SCALARS = ("SS", "NS", "BS"), ("S", "N", "B", "BOOL", "NULL")
# moto counts what comes near to the most that an item may have.
_NEAR_LIMIT_BYTES = 300_000
_CLAUSE = re.compile(r"\b(SET|ADD|DELETE)\s")
_ACTIONS = {
    "SET": re.compile(r"(#\w+)\s*=\s*(:\w+)\Z"),
    "ADD": re.compile(r"(#\w+)\s+(:\w+)\Z"),
    "DELETE": re.compile(r"(#\w+)\s+(:\w+)\Z"),
}


@dataclass(frozen=True)
class _Action:
    verb: str
    name: str
    value: str


class NotPlainError(Exception):
    """moto has to carry it out, or to say what is wrong with it; nothing was changed."""


def plain_update(table: Table, request: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateItem answers. Raises NotPlainError, and ConditionalCheckFailed as moto does."""
    actions = _actions(request.get("UpdateExpression") or "")
    if not actions or not request.keys() <= _MEMBERS:
        raise NotPlainError
    returns = request.get("ReturnValues", "NONE")
    if returns not in ("NONE", "UPDATED_NEW"):
        raise NotPlainError
    item = _item(table, request["Key"])
    is_met = _condition(item, request, actions)
    changes = dict(_changes(table, item, request, actions))
    if len(changes) != len(actions):
        raise NotPlainError
    if not is_met:
        is_wanted = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        told = item.to_json()["Attributes"] if item and is_wanted else None
        raise ConditionalCheckFailed(item=told)
    _apply(table, item, request["Key"], changes)
    if returns == "NONE":
        return {}
    after = {name: value.to_json() for name, value in changes.items() if value is not None}
    return {"Attributes": after}


@cache
def _actions(expression: str) -> tuple[_Action, ...]:
    """The actions in their order; none where one of them is more than plain."""
    before, *parts = _CLAUSE.split(expression)
    found: list[_Action] = []
    for verb, text in zip(parts[::2], parts[1::2], strict=True):
        for one in text.split(","):
            match = _ACTIONS[verb].match(one.strip())
            if match is None:
                return ()
            found.append(_Action(verb, match[1], match[2]))
    is_repeated = len(set(parts[::2])) * 2 != len(parts)
    return () if before.strip() or is_repeated else tuple(found)


def _item(table: Table, key: Mapping[str, Any]) -> Item | None:
    wanted = {table.hash_key_attr, table.range_key_attr} - {None}
    if key.keys() != wanted or not all(_is_simple(value) for value in key.values()):
        raise NotPlainError
    hash_value = DynamoType(key[table.hash_key_attr])
    range_value = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
    return table.get_item(hash_value, range_value)


def _condition(item: Item | None, request: Mapping[str, Any], actions: tuple[_Action, ...]) -> bool:
    """Whether the condition holds; all signs are known and used."""
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    parser = create_condition_expression_parser(request.get("ConditionExpression"), names, values)
    condition = parser.parse()
    used_names = {one.name for one in actions} | set(parser.expr_attr_names_found)
    used_values = {one.value for one in actions} | set(parser.expr_attr_values_found)
    if used_names != names.keys() or used_values != values.keys():
        raise NotPlainError
    return bool(condition.expr(item))


def _changes(
    table: Table, item: Item | None, request: Mapping[str, Any], actions: tuple[_Action, ...]
) -> Iterator[tuple[str, DynamoType | None]]:
    """Each attribute as it will be; None: it will not be there."""
    defined = {one["AttributeName"] for one in table.attr} | set(table.attribute_keys)
    size = sum(value.size() for value in item.attrs.values()) if item else 0
    for action in actions:
        name = request["ExpressionAttributeNames"][action.name]
        value = request["ExpressionAttributeValues"][action.value]
        if name in defined or not _is_simple(value):
            raise NotPlainError
        given = DynamoType(value)
        size += given.size()
        if size > _NEAR_LIMIT_BYTES:
            raise NotPlainError
        yield name, _changed(action.verb, item.attrs.get(name) if item else None, given)


def _changed(verb: str, current: DynamoType | None, given: DynamoType) -> DynamoType | None:
    if verb == "SET":
        return given
    if given.type not in (*_SETS, "N") or (verb == "DELETE" and given.type == "N"):
        raise NotPlainError
    if current is None:
        return given if verb == "ADD" else None
    if current.type != given.type:
        raise NotPlainError
    if given.type == "N":
        return current + given
    if verb == "ADD":
        more = [one for one in given.value if one not in current.value]
        return DynamoType({given.type: [*current.value, *more]})
    rest = [one for one in current.value if one not in given.value]
    return DynamoType({given.type: rest}) if rest else None


def _apply(
    table: Table,
    item: Item | None,
    key: Mapping[str, Any],
    changes: Mapping[str, DynamoType | None],
) -> None:
    if item is None:
        there = {name: value.to_json() for name, value in changes.items() if value is not None}
        table.put_item({**key, **there})
        return
    before = copy.deepcopy(item) if table.stream_shard is not None else None
    for name, value in changes.items():
        if value is None:
            item.attrs.pop(name, None)
        else:
            # The size was counted.
            dict.__setitem__(item.attrs, name, value)
    if table.stream_shard is not None:
        table.stream_shard.add(before, item)


def _is_simple(value: Mapping[str, Any]) -> bool:
    """Whether it is a value by itself, or a set with something in it."""
    if len(value) != 1:
        return False
    kind, one = next(iter(value.items()))
    return kind in _SCALARS or (kind in _SETS and 0 < len(one) == len(set(one)))
