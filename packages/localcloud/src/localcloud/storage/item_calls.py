"""DynamoDB's calls of single items, straight to moto's handlers.

On moto's own way each is routed, parsed and written out by the service's model, three times as
long as it takes to carry it out. What a call means is moto's all the same.
"""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.parsing.expressions import (  # type: ignore[attr-defined]
    UpdateExpressionParser,
)
from moto.dynamodb.responses import DynamoHandler

from localcloud.storage.plain_updates import NotPlainError, plain_update
from localcloud.wire.protocol import Call, Reply

_METHODS = {
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
}
_parse = UpdateExpressionParser.make


class _Handler(DynamoHandler):
    def __init__(self, account: str, region: str, parameters: dict[str, Any]) -> None:
        super().__init__()
        self.current_account, self.region = account, region
        self.body = self.params = parameters

    def update_item(self) -> ActionResult:
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        try:
            return ActionResult(plain_update(table, self.body))
        except NotPlainError:
            return super().update_item()


def is_direct(service_name: str, call: Call) -> bool:
    """Whether `item_call` carries out this call."""
    return service_name == "dynamodb" and call.protocol == "json" and call.operation in _METHODS


def item_call(call: Call, account: str, region: str) -> Reply:
    """What moto answers. Raises HTTPException where it refuses."""
    handler = _Handler(account, region, call.parameters)
    result = getattr(handler, _METHODS[call.operation])().result
    return json_reply(200, json.dumps(_named(call, result), default=_text).encode())


def json_reply(status: int, body: bytes) -> Reply:
    checksum = str(zlib.crc32(body))
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": checksum}
    return Reply(status, headers, body)


def read_expressions_once() -> None:
    """moto reads an update's expression anew in each of three steps, and changes none of them."""
    UpdateExpressionParser.make = cache(_parse)


def _named(call: Call, result: Any) -> dict[str, Any]:
    """The members that the operation has, of what there is."""
    members = call.model.output_shape.members
    return {name: one for name, one in result.items() if name in members and one is not None}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no form in JSON: {type(value).__name__}")
