"""Calls of single items beside moto's own way of the same calls, word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.storage.moto_backend import MotoBackend
from localcloud.wire import protocol
from localcloud.wire.protocol import Call

ENDPOINT = "http://127.0.0.1:1"
Answer = tuple[int, Any]


@pytest.fixture
def backend() -> MotoBackend:
    moto = MotoBackend("123456789012", "us-east-1", ENDPOINT)
    moto.start()
    for name in ("direct", "moto"):
        moto.invoke(
            "dynamodb",
            "CreateTable",
            {
                "TableName": name,
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        )
    return moto


def ask(backend: MotoBackend, table: str, operation: str, parameters: dict[str, Any]) -> Answer:
    model = protocol.service_model("dynamodb").operation_model(operation)
    call = Call(model, "json", {"TableName": table} | parameters)
    wire = protocol.write_request(call, ENDPOINT)
    is_direct = table == "direct"
    reply = backend.call("dynamodb", call, wire) if is_direct else backend.forward("dynamodb", wire)
    assert isinstance(reply.body, bytes)
    return reply.status, json.loads(reply.body.replace(table.encode(), b"TABLE"))


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


ITEM = {
    **key("a"),
    "n": {"N": "1.5"},
    "b": {"B": b"\x00\xff"},
    "sets": {"M": {"bs": {"BS": [b"\x01", b"\x02"]}, "ss": {"SS": ["x", "y"]}}},
    "list": {"L": [{"BOOL": False}, {"NULL": True}, {"S": "経費"}]},
}
SIGNS = {"ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {":v": {"N": "2"}}}
ADD = {"UpdateExpression": "ADD #n :v", **SIGNS}
FAILS = {"ConditionExpression": "#n = :v", **SIGNS}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("PutItem", {"Item": ITEM}),
    ("PutItem", {"Item": ITEM, "ReturnValues": "ALL_OLD"}),
    ("GetItem", {"Key": key("a"), "ReturnConsumedCapacity": "TOTAL"}),
    ("GetItem", {"Key": key("a"), "ProjectionExpression": "n, sets.ss"}),
    ("GetItem", {"Key": key("none")}),
    ("GetItem", {"Key": {"other": {"S": "x"}}}),
    ("GetItem", {"Key": key("")}),
    ("UpdateItem", {"Key": key("a"), **ADD, "ReturnValues": "UPDATED_NEW"}),
    ("UpdateItem", {"Key": key("a"), **ADD, "ReturnValues": "ALL_OLD"}),
    ("UpdateItem", {"Key": key("a"), **ADD, "ReturnValues": "sometimes"}),
    ("UpdateItem", {"Key": key("new"), **ADD}),
    ("UpdateItem", {"Key": key("a"), "UpdateExpression": "SET #n = :v", **FAILS}),
    (
        "UpdateItem",
        {
            "Key": key("a"),
            "UpdateExpression": "SET #n = :v",
            **FAILS,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    ("UpdateItem", {"Key": key("a"), "UpdateExpression": "SET #n = :none", **SIGNS}),
    ("UpdateItem", {"Key": key("a"), "UpdateExpression": "SET", **SIGNS}),
    ("PutItem", {"Item": ITEM, "ConditionExpression": "attribute_not_exists(id)"}),
    ("PutItem", {"Item": {"x": {"S": "no key"}}}),
    ("DeleteItem", {"Key": key("a"), "ReturnValues": "ALL_OLD"}),
    ("DeleteItem", {"Key": key("a")}),
]


def test_every_answer_is_motos(backend: MotoBackend) -> None:
    answers = {
        table: [ask(backend, table, operation, parameters) for operation, parameters in CALLS]
        for table in ("direct", "moto")
    }
    for number, (operation, parameters) in enumerate(CALLS):
        ours, theirs = answers["direct"][number], answers["moto"][number]
        if operation == "UpdateItem":
            theirs[1].pop("ConsumedCapacity", None)  # Nobody has asked for it.
            ours[1].pop("ConsumedCapacity", None)
        assert ours == theirs, (operation, parameters)
    statuses = [status for status, _ in answers["direct"]]
    assert statuses.count(200) > 8 and statuses.count(400) > 5


def test_no_table(backend: MotoBackend) -> None:
    model = protocol.service_model("dynamodb").operation_model("GetItem")
    call = Call(model, "json", {"TableName": "none", "Key": key("a")})
    reply = backend.call("dynamodb", call, protocol.write_request(call, ENDPOINT))
    assert reply.status == 400 and b"ResourceNotFoundException" in bytes(reply.body)  # type: ignore[arg-type]


def test_an_update_that_is_read_once_means_the_same_each_time(backend: MotoBackend) -> None:
    for _ in range(3):
        for name in ("a", "b"):
            ask(backend, "direct", "UpdateItem", {"Key": key(name), **ADD})
    found = [ask(backend, "direct", "GetItem", {"Key": key(name)})[1] for name in ("a", "b")]
    assert [one["Item"]["n"] for one in found] == [{"N": "6"}] * 2
