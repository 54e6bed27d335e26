"""Plain updates beside moto's of the same: what is answered, kept, and told to a stream."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.dynamodb.models import dynamodb_backends

from localcloud.clock import Clock
from localcloud.storage.moto_backend import MotoBackend
from localcloud.storage.plain_updates import NotPlainError, plain_update
from localcloud.storage.tables import Shard
from localcloud.wire import protocol
from localcloud.wire.protocol import Call

ACCOUNT, REGION = "123456789012", "us-east-1"
ENDPOINT = "http://127.0.0.1:1"

numbers = st.sampled_from(["0", "1", "-2.5", "10"]).map(lambda one: {"N": one})
texts = st.sampled_from(["", "a", "経費"]).map(lambda one: {"S": one})
sets = st.sets(st.sampled_from("abc")).map(lambda one: {"SS": sorted(one)})
values = st.one_of(numbers, texts, sets, st.just({"L": [{"S": "deep"}]}))
actions = st.tuples(st.sampled_from(["SET", "ADD", "DELETE"]), st.sampled_from("xyzi"), values)
conditions = st.sampled_from(
    ["", "attribute_not_exists(#x)", "#x <= :c", "contains(#x, :c)", "#x = :c AND #y <> :c"]
)
updates = st.tuples(st.lists(actions, min_size=1, max_size=3), conditions, values, st.booleans())
NAMES = {"#x": "x", "#y": "y", "#z": "z", "#i": "id"}
Update = tuple[list[tuple[str, str, Any]], str, Any, bool]


def request_of(update: Update, key: str) -> dict[str, Any]:
    chosen, condition, compared, tells = update
    clauses: dict[str, list[str]] = {}
    given_values = {}
    for number, (verb, name, value) in enumerate(chosen):
        clauses.setdefault(verb, []).append(f"#{name}{' =' if verb == 'SET' else ''} :{number}")
        given_values[f":{number}"] = value
    expression = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items())
    if ":c" in condition:
        given_values[":c"] = compared
    used = {sign: name for sign, name in NAMES.items() if sign in expression + condition}
    return {
        "Key": {"id": {"S": key}},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": used,
        "ExpressionAttributeValues": given_values,
        **({"ConditionExpression": condition} if condition else {}),
        **({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if tells else {}),
    }


@cache
def backend() -> MotoBackend:
    moto = MotoBackend(ACCOUNT, REGION, ENDPOINT)
    moto.start()
    return moto


def with_new_tables() -> MotoBackend:
    moto = backend()
    dynamodb_backends[ACCOUNT][REGION].tables.clear()
    for name in ("direct", "moto"):
        definition = {
            "TableName": name,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        }
        moto.invoke("dynamodb", "CreateTable", definition)
        table = table_of(name)
        assert table.stream_shard is not None
        table.stream_shard = Shard(table.stream_shard, Clock())
    return moto


def table_of(name: str) -> Any:
    return dynamodb_backends[ACCOUNT][REGION].tables[name]


def ask(moto: MotoBackend, table: str, request: dict[str, Any]) -> tuple[int, Any]:
    model = protocol.service_model("dynamodb").operation_model("UpdateItem")
    call = Call(model, "json", {"TableName": table} | request)
    wire = protocol.write_request(call, ENDPOINT)
    is_direct = table == "direct"
    reply = moto.call("dynamodb", call, wire) if is_direct else moto.forward("dynamodb", wire)
    assert isinstance(reply.body, bytes)
    body = json.loads(reply.body)
    body.pop("ConsumedCapacity", None)
    return reply.status, body


def kept(table: str) -> Any:
    items = [item.to_json()["Attributes"] for item in table_of(table).all_items()]
    return sorted(items, key=str)


def told(table: str) -> list[Any]:
    records = [dict(one.record) for one in table_of(table).stream_shard.items]
    return [(one["eventName"], one["dynamodb"].get("NewImage")) for one in records]


@settings(max_examples=40)
@given(st.lists(st.tuples(updates, st.sampled_from("ab")), max_size=6))
def test_any_updates_mean_the_same(sequence: list[tuple[Update, str]]) -> None:
    moto = with_new_tables()
    for update, key in sequence:
        request = request_of(update, key)
        before = kept("moto")
        ours, theirs = ask(moto, "direct", request), ask(moto, "moto", request)
        assert ours == theirs
        if theirs[0] != 200 and kept("moto") != before:
            return  # moto leaves a part of an update that it refuses.
        assert kept("direct") == kept("moto")
        assert told("direct") == told("moto")


PLAIN = {
    "Key": {"id": {"S": "a"}},
    "UpdateExpression": "SET #x = :x ADD #y :y",
    "ExpressionAttributeNames": {"#x": "x", "#y": "y"},
    "ExpressionAttributeValues": {":x": {"S": "1"}, ":y": {"N": "1"}},
}


def test_what_was_updated_is_told_as_it_is_afterwards() -> None:
    with_new_tables()
    for number in ("1", "2"):
        answer = plain_update(table_of("direct"), PLAIN | {"ReturnValues": "UPDATED_NEW"})
        assert answer == {"Attributes": {"x": {"S": "1"}, "y": {"N": number}}}
    assert plain_update(table_of("direct"), PLAIN) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"UpdateExpression": "SET #x = #y"},
        {"UpdateExpression": "SET #x = :x, #y = :y + :y"},
        {"UpdateExpression": "SET #x = if_not_exists(#x, :x) ADD #y :y"},
        {"UpdateExpression": "REMOVE #x ADD #y :y"},
        {"UpdateExpression": "SET #x.#y = :x"},
        {"UpdateExpression": "SET #x = :x SET #y = :y"},
        {"UpdateExpression": "SET #x = :x"},
        {"ReturnConsumedCapacity": "TOTAL"},
        {"ReturnValues": "ALL_OLD"},
        {"Key": {"id": {"S": "a"}, "other": {"S": "b"}}},
        {"ExpressionAttributeNames": {"#x": "id", "#y": "y"}},
        {"ExpressionAttributeValues": {":x": {"S": "あ" * 100_001}, ":y": {"N": "1"}}},
        {"ExpressionAttributeValues": {":x": {"M": {}}, ":y": {"N": "1"}}},
    ],
)
def test_more_than_plain_is_left_to_moto(more: dict[str, Any]) -> None:
    with_new_tables()
    with pytest.raises(NotPlainError):
        plain_update(table_of("direct"), PLAIN | more)
    assert kept("direct") == []
