"""Consumers and their keys: issued once, changed without a gap, ended for good."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli.account import Account
from cli.consumers import TRIAL, Consumers, first_key
from meguru.api_errors import InvalidApiKey
from meguru.api_key import usage_identifier
from meguru.consumer import Consumer
from meguru.consumer_directory import ConsumerDirectory
from stacks.environment import Environment

MODELS: Any = {"a": {}, "b": {}}


class FakeGateway:
    """API Gateway's keys by their ids, and those that are in the usage plan."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.in_plan: list[str] = []
        self.refuses_plan = False
        self._ids = itertools.count(1)

    def create_api_key(self, **request: Any) -> dict[str, Any]:
        key = {"id": f"id-{next(self._ids)}", **request}
        self.keys[key["id"]] = key
        return key

    def create_usage_plan_key(self, **request: Any) -> None:
        if self.refuses_plan:
            error = {"Error": {"Code": "NotFoundException", "Message": "no such plan"}}
            raise ClientError(error, "CreateUsagePlanKey")
        assert (request["usagePlanId"], request["keyType"]) == ("plan", "API_KEY")
        self.in_plan.append(request["keyId"])

    def delete_api_key(self, **request: Any) -> None:
        if request["apiKey"] not in self.keys:
            error = {"Error": {"Code": "NotFoundException", "Message": "no such key"}}
            raise ClientError(error, "DeleteApiKey")
        del self.keys[request["apiKey"]]


class FakeAccount(Account):
    outputs = {"ConsumerTable": "consumers", "UsagePlan": "plan"}  # noqa: RUF012

    def __init__(self, gateway: FakeGateway, dynamodb: Any) -> None:
        super().__init__("poc")
        self.gateway, self.dynamodb = gateway, dynamodb

    def client(self, service: str) -> Any:
        return self.gateway if service == "apigateway" else self.dynamodb

    def stacks(self) -> dict[str, dict[str, str]]:
        return {"Meguru-poc-Model-a": {"ModelName": "a"}, "Meguru-poc-Lake": {}}


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """With `app`, which the environment file declares."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        table = boto3.resource("dynamodb").create_table(
            TableName="consumers",
            KeySchema=[{"AttributeName": "consumer", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "consumer", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(Item={"consumer": "app", "declared": True, "tokens_per_day": 5})
        yield table


@pytest.fixture
def account(gateway: FakeGateway, table: Any) -> FakeAccount:
    return FakeAccount(gateway, boto3.client("dynamodb"))


@pytest.fixture
def consumers(account: FakeAccount) -> Consumers:
    return Consumers(account)


@pytest.fixture
def holder(gateway: FakeGateway, table: Any) -> Callable[[str], Consumer | None]:
    """Whose a key is, as the API finds out: by its hash, and then by its id."""

    def find(key: str) -> Consumer | None:
        hashed = usage_identifier(key)
        ids = [one["id"] for one in gateway.keys.values() if one["value"] == hashed]
        if not ids or ids[0] not in gateway.in_plan:
            return None
        try:
            return ConsumerDirectory(table).of_key(ids[0])
        except InvalidApiKey:
            return None

    return find


Holder = Callable[[str], Consumer | None]


def test_a_declared_consumer_gets_a_key(
    consumers: Consumers, gateway: FakeGateway, holder: Holder
) -> None:
    key = consumers.add("app")
    found = holder(key)
    assert found and (found.name, found.tokens_per_day) == ("app", 5)
    [kept] = gateway.keys.values()
    assert kept["enabled"] and kept["customerId"] == "app"
    assert kept["tags"] == {"meguru:environment": "poc"}
    # What is kept opens nothing.
    assert key not in str(kept) and holder(kept["value"]) is None


def test_a_new_consumer_has_the_settings_it_is_given(consumers: Consumers, holder: Holder) -> None:
    settings = Consumer(name="new", models=frozenset({"a"}), tokens_per_month=7, log="summary")
    assert holder(consumers.add("new", settings)) == settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"models": frozenset({"gpt"})}, "--model gpt: the models here are a"),
        ({"tokens_per_day": 0}, "--tokens-per-day: from 1 to"),
        ({"tokens_per_day": 5, "tokens_per_month": 4}, "--tokens-per-day: no more than"),
    ],
)
def test_settings_that_can_t_be_are_refused(
    consumers: Consumers, gateway: FakeGateway, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        consumers.add("new", Consumer(name="new", **settings))
    assert gateway.keys == {} and [one.consumer.name for one in consumers.all()] == ["app"]


@pytest.mark.parametrize("name", ["", "App", "KEY#id-1", "a b", "x" * 64, "経理"])
def test_what_is_no_name_is_refused(consumers: Consumers, name: str) -> None:
    for act in (consumers.add, consumers.rotate, consumers.revoke, consumers.finish_rotation):
        with pytest.raises(ValueError, match="is no consumer's name"):
            act(name)


def test_a_second_key_is_a_rotation_s(consumers: Consumers, gateway: FakeGateway) -> None:
    consumers.add("app")
    with pytest.raises(ValueError, match="meguru consumer rotate app"):
        consumers.add("app")
    assert len(gateway.keys) == 1


def test_what_is_declared_takes_no_settings(consumers: Consumers) -> None:
    with pytest.raises(ValueError, match="declared in the environment file"):
        consumers.add("app", Consumer(name="app", tokens_per_day=9))


def test_keys_are_changed_without_a_gap(
    consumers: Consumers, gateway: FakeGateway, holder: Holder
) -> None:
    first = consumers.add("app")
    second = consumers.rotate("app")
    assert first != second
    assert all((found := holder(key)) and found.name == "app" for key in (first, second))
    with pytest.raises(ValueError, match="--finish"):
        consumers.rotate("app")
    consumers.finish_rotation("app")
    assert holder(first) is None and holder(second)
    with pytest.raises(ValueError, match="no earlier key"):
        consumers.finish_rotation("app")
    assert len(gateway.keys) == 1


def test_a_key_that_has_leaked_is_changed_at_once(
    consumers: Consumers, table: Any, holder: Holder
) -> None:
    first, second = consumers.add("app"), consumers.rotate("app")
    third = consumers.rotate("app", at_once=True)
    assert [bool(holder(key)) for key in (first, second, third)] == [False, False, True]
    # Nothing is left of the others.
    names = {item["consumer"] for item in table.scan()["Items"]}
    assert names == {"app", "KEY#id-3"}


def test_who_has_no_key_has_none_to_change(consumers: Consumers) -> None:
    with pytest.raises(ValueError, match="meguru consumer add app"):
        consumers.rotate("app")
    with pytest.raises(ValueError, match="there is no consumer 'unknown'"):
        consumers.rotate("unknown")


def test_a_revoked_name_is_given_to_nobody(
    consumers: Consumers, gateway: FakeGateway, holder: Holder
) -> None:
    keys = [consumers.add("app"), consumers.rotate("app")]
    consumers.revoke("app")
    assert [holder(key) for key in keys] == [None, None]
    assert gateway.keys == {}
    consumers.revoke("app")
    for act in (consumers.add, consumers.rotate, consumers.finish_rotation):
        with pytest.raises(ValueError, match="was revoked, for good"):
            act("app")
    [listed] = consumers.all()
    assert (listed.state, listed.num_keys) == ("revoked", 0)


def test_who_is_not_declared_any_more_gets_no_key(consumers: Consumers, table: Any) -> None:
    table.put_item(Item={"consumer": "app", "declared": True, "withdrawn_at": "2026-11-27"})
    with pytest.raises(ValueError, match="taken out of the environment file"):
        consumers.add("app")


def test_what_fails_half_way_leaves_no_key(
    consumers: Consumers, gateway: FakeGateway, table: Any
) -> None:
    gateway.refuses_plan = True
    for name in ("app", "new"):
        with pytest.raises(ClientError, match="no such plan"):
            consumers.add(name)
    assert gateway.keys == {}
    assert [item["consumer"] for item in table.scan()["Items"]] == ["app"]


def test_of_two_who_change_keys_at_once_one_is_told(
    consumers: Consumers, account: FakeAccount, gateway: FakeGateway
) -> None:
    consumers.add("app")
    other = Consumers(account)
    create = gateway.create_usage_plan_key

    def create_late(**request: Any) -> None:
        """The other is through in the meantime."""
        gateway.create_usage_plan_key = create  # type: ignore[method-assign]
        other.rotate("app")
        create(**request)

    gateway.create_usage_plan_key = create_late  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="at the same time"):
        consumers.rotate("app")
    assert len(gateway.keys) == 2
    assert [one.num_keys for one in consumers.all()] == [2]


def test_the_list_has_everybody(consumers: Consumers) -> None:
    consumers.add("new")
    assert [(one.consumer.name, one.num_keys) for one in consumers.all()] == [
        ("app", 0),
        ("new", 1),
    ]


def test_who_tries_the_api_is_the_first_that_is_declared(
    account: FakeAccount, consumers: Consumers, holder: Holder
) -> None:
    declared = Environment(name="poc", models=MODELS, consumers={"app": {}, "b": {}})  # type: ignore[dict-item]
    found = holder(first_key(account, declared))
    assert found and found.name == "app"
    found = holder(first_key(account, Environment(name="poc", models=MODELS)))
    assert found and found.name == TRIAL
