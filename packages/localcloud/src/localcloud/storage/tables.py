"""DynamoDB beyond moto: streams that tell each change once, items that expire with time."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import Any, Self

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, StreamShard, Table
from moto.dynamodbstreams.models import dynamodbstreams_backends

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.clock import Clock
from localcloud.service import Service
from localcloud.storage.moto_backend import MotoBackend

# What DynamoDB itself did, rather than a caller.
_DYNAMODB = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
_EXPIRED_TOO_LONG_AGO = 5 * 365 * 86400
# The model gives it to a table's name alone, and lets an ARN of any form stand for the name.
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


class Shard(StreamShard):
    """The records of a table's stream: one for each change of an item, none where none changed."""

    def __init__(self, shard: StreamShard, clock: Clock) -> None:
        super().__init__(shard.account_id, shard.table)
        self.items, self._clock = shard.items, clock

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # moto copies a table before a transaction, to go back to the copy where it fails.
        copied = copy.copy(self)
        copied.table = copy.deepcopy(self.table, memo)
        copied.items = list(self.items)
        return copied

    def add(self, old: Item | None, new: Item | None) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        record = self._record(old, new)
        if self.items and _is_rest_of(self.items[-1].record, record.record):
            self.items.pop()
        position = len(self.items) + self.starting_sequence_number
        record.record["dynamodb"]["SequenceNumber"] = str(position)
        self.items.append(record)

    def _record(self, old: Item | None, new: Item | None) -> StreamRecord:
        event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        specification = self.table.stream_specification
        assert specification is not None
        record = StreamRecord(self.table, specification["StreamViewType"], event, old, new, 0)
        record.record |= {"eventVersion": "1.1", "awsRegion": self.table.region_name}
        record.record["dynamodb"]["ApproximateCreationDateTime"] = self._clock.now()
        return record


class DynamoDbService(Service):
    """Gives tables their streams, and deletes expired items whenever the clock is advanced."""

    service_name = "dynamodb"
    extends_moto = True
    follows = frozenset({"CreateTable", "UpdateTable"})

    def __init__(self, account: Account, moto: MotoBackend) -> None:
        super().__init__(account)
        self._moto = moto

    def start(self) -> None:
        self.account.clock.on_advance(self._expire)

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        name = request.get("TableName", "none")
        if not name.startswith("arn:") and not _TABLE_NAME.fullmatch(name):
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: "
                f"{_TABLE_NAME.pattern}",
            )

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        table = _tables(self.account)[request["TableName"].rpartition("/")[2]]
        if table.stream_shard is not None and not isinstance(table.stream_shard, Shard):
            table.stream_shard = Shard(table.stream_shard, self.account.clock)

    def _expire(self, advanced: timedelta) -> None:
        with self._moto.lock("dynamodb"):
            for table in list(_tables(self.account).values()):
                if table.ttl["TimeToLiveStatus"] == "ENABLED":
                    _delete_expired(table, self.account.clock.time())


class DynamoDbStreamsService(Service):
    """Reads on where a failed transaction has put its table's copy in place of the table."""

    service_name = "dynamodbstreams"
    extends_moto = True

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        if operation != "GetRecords":
            return
        backend = dynamodbstreams_backends[self.account.id][self.account.region]
        iterator = backend.shard_iterators.get(request["ShardIterator"])
        if iterator is None:
            raise ServiceError("ValidationException", "Invalid ShardIterator")
        table = _tables(self.account).get(iterator.stream_shard.table.name)
        if table is None or table.stream_shard is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found")
        iterator.stream_shard = table.stream_shard


def _tables(account: Account) -> dict[str, Table]:
    return dynamodb_backends[account.id][account.region].tables


def _is_rest_of(last: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether both are one UpdateItem of a new item, which moto puts first and then updates."""
    inserts = last["eventName"] == record["eventName"] == "INSERT"
    return inserts and bool(last["dynamodb"]["Keys"] == record["dynamodb"]["Keys"])


def _delete_expired(table: Table, now: float) -> None:
    name = table.ttl["AttributeName"]
    for item in table.all_items():
        expiry = item.attrs.get(name)
        if expiry is None or expiry.type != "N":
            continue
        if now - _EXPIRED_TOO_LONG_AGO < float(expiry.value) <= now:
            table.delete_item(item.hash_key, item.range_key)
            if table.stream_shard is not None:
                table.stream_shard.items[-1].record["userIdentity"] = _DYNAMODB
