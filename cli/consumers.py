"""Consumers of the API: who there is, and their keys, of which nobody keeps more than a hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from cli.account import Account
from meguru.api_key import make_api_key, usage_identifier
from meguru.consumer import (
    LIMITS,
    MAX_CONSUMER_NAME,
    MAX_KEYS,
    Consumer,
    is_consumer_name,
    key_item,
    limit_problems,
)
from meguru.names import OWNER_TAG, api_name
from stacks.environment import Environment

# Of who tries the API where the environment file declares nobody.
TRIAL = "trial"
Item = dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """A consumer as it stands in the table; `state` says why it may not call, if it may not."""

    consumer: Consumer
    num_keys: int
    created_at: str
    state: str


class Consumers:
    """The consumers of an environment, in its table and in API Gateway."""

    def __init__(self, account: Account, usage_plan: str | None = None) -> None:
        """`usage_plan` is the id of another than the environment's own, for keys made here."""
        self._account = account
        self._table = account.outputs["ConsumerTable"]
        self._usage_plan = usage_plan or account.outputs["UsagePlan"]

    def add(self, name: str, settings: Consumer | None = None) -> str:
        """The first key of a declared consumer, or of a new one with these settings.

        Raises ValueError where there is nothing to add, saying what to do.
        """
        _check_name(name)
        item = self._find(name)
        if item is None:
            settings = settings or Consumer(name=name)
            self._check(settings)
            new = {"consumer": name, "created_at": _now(), **settings.settings()}
            return self._issue(name, lambda key_id: self._put_new({**new, "key_ids": [key_id]}))
        _check_calls(item)
        if item.get("key_ids"):
            raise ValueError(
                f"{name} has a key already, which nobody can show again: "
                f"`meguru consumer rotate {name}` gives it another"
            )
        if settings and settings.settings() != Consumer(name=name).settings():
            raise ValueError(
                f"{name} is declared in the environment file, where its settings stand: "
                "leave them out here"
            )
        return self._change_keys(item, ())

    def rotate(self, name: str, *, at_once: bool = False) -> str:
        """A second key, beside the one that goes on working; `at_once`: in its place."""
        item = self._existing(name)
        kept = [] if at_once else item.get("key_ids", [])
        if not item.get("key_ids"):
            raise ValueError(f"{name} has no key yet: `meguru consumer add {name}` gives it one")
        if len(kept) >= MAX_KEYS:
            raise ValueError(
                f"{name} has {len(kept)} keys: end the earlier one with `meguru consumer rotate "
                f"{name} --finish` when nobody uses it, or all of them with --at-once"
            )
        return self._change_keys(item, kept)

    def finish_rotation(self, name: str) -> None:
        """End the earlier of two keys."""
        item = self._existing(name)
        ended, kept = item.get("key_ids", [])[:-1], item.get("key_ids", [])[-1:]
        if not ended:
            raise ValueError(f"{name} has no earlier key that could be ended")
        self._write(self._replace_keys(item, kept), *self._forget(ended))
        self._delete_keys(ended)

    def revoke(self, name: str) -> None:
        """End all of a consumer's keys for good; done again, it does what is left to do."""
        item = self._existing(name, may_be_revoked=True)
        self._dynamodb.update_item(
            TableName=self._table,
            Key=_serialized({"consumer": name}),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
            ConditionExpression="attribute_exists(consumer)",
            ExpressionAttributeValues=_serialized({":now": _now()}),
        )
        self._delete_keys(item.get("key_ids", []))

    def all(self) -> list[Listed]:
        """Every consumer, by name."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        items = [_read(item) for page in pages for item in page["Items"]]
        found = [_listed(item) for item in items if is_consumer_name(item["consumer"])]
        return sorted(found, key=lambda one: one.consumer.name)

    @property
    def _dynamodb(self) -> Any:
        return self._account.client("dynamodb")

    @property
    def _gateway(self) -> Any:
        return self._account.client("apigateway")

    def _check(self, settings: Consumer) -> None:
        limits = {name: getattr(settings, name) for name in LIMITS}
        for name, said in limit_problems(limits).items():
            raise ValueError(f"--{name.replace('_', '-')}: {said}")
        outputs = self._account.stacks().values()
        served = sorted(one["ModelName"] for one in outputs if "ModelName" in one)
        for model in sorted(settings.models or ()):
            if model not in served:
                raise ValueError(f"--model {model}: the models here are {', '.join(served)}")

    def _existing(self, name: str, *, may_be_revoked: bool = False) -> Item:
        _check_name(name)
        item = self._find(name)
        if item is None:
            raise ValueError(f"there is no consumer '{name}': `meguru consumer list` has them all")
        if not may_be_revoked:
            _check_calls(item)
        return item

    def _find(self, name: str) -> Item | None:
        found = self._dynamodb.get_item(
            TableName=self._table, Key=_serialized({"consumer": name}), ConsistentRead=True
        )
        return _read(found["Item"]) if "Item" in found else None

    def _change_keys(self, item: Item, kept: Sequence[str]) -> str:
        """A new key beside those that are kept; the others end."""
        ended = [key_id for key_id in item.get("key_ids", []) if key_id not in kept]
        key = self._issue(
            item["consumer"],
            lambda key_id: self._replace_keys(item, [*kept, key_id]),
            *self._forget(ended),
        )
        self._delete_keys(ended)
        return key

    def _issue(self, name: str, write: Any, *more: Item) -> str:
        """Make a key, and tell the table whose it is; what was begun is undone where that fails."""
        key = make_api_key()
        made = self._gateway.create_api_key(
            name=f"{api_name(self._account.environment_name)}/{name}",
            customerId=name,
            value=usage_identifier(key),
            enabled=True,
            tags={OWNER_TAG: self._account.environment_name},
        )
        key_id: str = made["id"]
        owner = {"consumer": key_item(key_id), "name": name}
        try:
            self._gateway.create_usage_plan_key(
                usagePlanId=self._usage_plan, keyId=key_id, keyType="API_KEY"
            )
            self._write(write(key_id), self._put_new(owner), *more)
        except BaseException:
            self._delete_keys([key_id])
            raise
        return key

    def _put_new(self, item: Item) -> Item:
        return {
            "Put": {
                "TableName": self._table,
                "Item": _serialized(item),
                "ConditionExpression": "attribute_not_exists(consumer)",
            }
        }

    def _replace_keys(self, item: Item, key_ids: Sequence[str]) -> Item:
        """Only where its keys are those that were read, and it may still call."""
        before = item.get("key_ids")
        same = "attribute_not_exists(key_ids)" if before is None else "key_ids = :before"
        values = {":after": list(key_ids), **({} if before is None else {":before": before})}
        return {
            "Update": {
                "TableName": self._table,
                "Key": _serialized({"consumer": item["consumer"]}),
                "UpdateExpression": "SET key_ids = :after",
                "ConditionExpression": f"{same} AND attribute_not_exists(revoked_at)",
                "ExpressionAttributeValues": _serialized(values),
            }
        }

    def _forget(self, key_ids: Sequence[str]) -> Iterator[Item]:
        for key_id in key_ids:
            key = _serialized({"consumer": key_item(key_id)})
            yield {"Delete": {"TableName": self._table, "Key": key}}

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

    def _delete_keys(self, key_ids: Sequence[str]) -> None:
        for key_id in key_ids:
            try:
                self._gateway.delete_api_key(apiKey=key_id)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NotFoundException":
                    raise


def first_key(account: Account, environment: Environment) -> str:
    """A key of the first consumer that the file declares, or else of one that tries the API."""
    return Consumers(account).add(next(iter(environment.consumers), TRIAL))


def _check_name(name: str) -> None:
    if not is_consumer_name(name):
        raise ValueError(
            f"{name[:MAX_CONSUMER_NAME]!a} is no consumer's name, which has 1 to "
            f"{MAX_CONSUMER_NAME} lower-case letters and digits, in words with single hyphens "
            "between them"
        )


def _check_calls(item: Item) -> None:
    """A name is never given to another: what its first holder asked is kept under it."""
    name, state = item["consumer"], _state(item)
    if state == "revoked":
        raise ValueError(f"{name} was revoked, for good: add a consumer of another name")
    if state == "withdrawn":
        raise ValueError(f"{name} was taken out of the environment file: put it back, and deploy")


def _state(item: Item) -> str:
    if "revoked_at" in item:
        return "revoked"
    return "withdrawn" if "withdrawn_at" in item else ""


def _listed(item: Item) -> Listed:
    num_keys = 0 if "revoked_at" in item else len(item.get("key_ids", ()))
    return Listed(Consumer.from_item(item), num_keys, item.get("created_at", ""), _state(item))


def _read(item: Mapping[str, Any]) -> Item:
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def _serialized(item: Mapping[str, Any]) -> Item:
    write = TypeSerializer().serialize
    return {name: write(value) for name, value in item.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
