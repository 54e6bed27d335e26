"""The table of consumers as the command changes it: each change whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from cli.account import Account
from meguru.consumer import is_consumer_name, key_item

Item = dict[str, Any]


class ConsumerTable:
    """A consumer is an item, and each of its keys another that says whose it is."""

    def __init__(self, account: Account) -> None:
        self._dynamodb, self._name = account.client("dynamodb"), account.outputs["ConsumerTable"]

    def find(self, name: str) -> Item | None:
        found = self._dynamodb.get_item(
            TableName=self._name, Key=_serialized({"consumer": name}), ConsistentRead=True
        )
        return _read(found["Item"]) if "Item" in found else None

    def all(self) -> Iterator[Item]:
        """Every consumer."""
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._name):
            items = map(_read, page["Items"])
            yield from (item for item in items if is_consumer_name(item["consumer"]))

    def put_new(self, item: Item, key_id: str) -> None:
        """A consumer who has none of an earlier one's name, with its first key."""
        new = {"created_at": _now(), **item, "key_ids": [key_id]}
        self._write(self._put(new), self._owned(item["consumer"], key_id))

    def change_keys(self, item: Item, kept: Sequence[str], added: Sequence[str] = ()) -> None:
        """Have those keys of a consumer's that are kept, and those that are added.

        Only where its keys are those of `item`, as it was read, and it is not revoked.
        """
        before, name = item.get("key_ids"), item["consumer"]
        same = "attribute_not_exists(key_ids)" if before is None else "key_ids = :before"
        values = {":after": [*kept, *added], **({} if before is None else {":before": before})}
        update = {
            "TableName": self._name,
            "Key": _serialized({"consumer": name}),
            "UpdateExpression": "SET key_ids = :after",
            "ConditionExpression": f"{same} AND attribute_not_exists(revoked_at)",
            "ExpressionAttributeValues": _serialized(values),
        }
        self._write(
            {"Update": update},
            *(self._owned(name, key_id) for key_id in added),
            *(self._forgotten(key_id) for key_id in before or () if key_id not in kept),
        )

    def revoke(self, name: str) -> None:
        self._dynamodb.update_item(
            TableName=self._name,
            Key=_serialized({"consumer": name}),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
            ConditionExpression="attribute_exists(consumer)",
            ExpressionAttributeValues=_serialized({":now": _now()}),
        )

    def _owned(self, name: str, key_id: str) -> Item:
        return self._put({"consumer": key_item(key_id), "name": name})

    def _put(self, item: Item) -> Item:
        return {
            "Put": {
                "TableName": self._name,
                "Item": _serialized(item),
                "ConditionExpression": "attribute_not_exists(consumer)",
            }
        }

    def _forgotten(self, key_id: str) -> Item:
        key = _serialized({"consumer": key_item(key_id)})
        return {"Delete": {"TableName": self._name, "Key": key}}

    def _write(self, *writes: Item) -> None:
        try:
            self._dynamodb.transact_write_items(TransactItems=list(writes))
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            raise ValueError(
                "somebody changes this consumer at the same time: look with "
                "`meguru consumer list`, and try again"
            ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(item: Mapping[str, Any]) -> Item:
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def _serialized(item: Mapping[str, Any]) -> Item:
    write = TypeSerializer().serialize
    return {name: write(value) for name, value in item.items()}
