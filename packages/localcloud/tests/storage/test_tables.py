"""DynamoDB's streams, each change once, and items that expire."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud


class Streamed:
    """A table with a stream, and a reader that goes on where it was."""

    def __init__(self, cloud: Cloud) -> None:
        self.api, self._streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
        made = self.api.create_table(
            TableName="items",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        arn = made["TableDescription"]["LatestStreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def read(self) -> list[dict[str, Any]]:
        answer = self._streams.get_records(ShardIterator=self._iterator)
        self._iterator = answer["NextShardIterator"]
        records: list[dict[str, Any]] = answer["Records"]
        return records

    def put(self, **item: str) -> None:
        self.api.put_item(TableName="items", Item=_typed(item))

    def count(self, key: str) -> None:
        self.api.update_item(
            TableName="items",
            Key={"id": {"S": key}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


def _typed(item: dict[str, str]) -> dict[str, Any]:
    return {name: {"N" if text.isdigit() else "S": text} for name, text in item.items()}


@pytest.fixture
def streamed(ground: Cloud) -> Streamed:
    return Streamed(ground)


def test_an_update_that_creates_is_one_insert_of_the_whole_item(streamed: Streamed) -> None:
    streamed.count("a")
    [record] = streamed.read()
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    streamed.count("a")
    [record] = streamed.read()
    assert record["eventName"] == "MODIFY"


def test_a_write_that_changes_nothing_is_in_no_stream(streamed: Streamed) -> None:
    streamed.put(id="a", n="1")
    streamed.put(id="a", n="1")
    streamed.api.delete_item(TableName="items", Key={"id": {"S": "missing"}})
    assert [record["eventName"] for record in streamed.read()] == ["INSERT"]


def test_records_are_of_the_cloud_s_region_and_time() -> None:
    with Cloud(services=[], region="ap-northeast-1") as cloud:
        streamed = Streamed(cloud)
        cloud.clock.advance(timedelta(days=2))
        streamed.put(id="a")
        [record] = streamed.read()
        assert record["awsRegion"] == "ap-northeast-1"
        written_at = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
        assert written_at > time.time() + 86400


def test_a_reader_goes_on_after_a_failed_transaction(streamed: Streamed) -> None:
    streamed.put(id="a")
    assert len(streamed.read()) == 1
    exists = {"ConditionExpression": "attribute_not_exists(id)"}
    writes = [
        {"Put": {"TableName": "items", "Item": _typed({"id": "b"})}},
        {"Put": {"TableName": "items", "Item": _typed({"id": "a"}), **exists}},
    ]
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        streamed.api.transact_write_items(TransactItems=writes)
    assert streamed.read() == []
    streamed.put(id="c")
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in streamed.read()] == ["c"]


def test_an_unknown_iterator_is_refused(ground: Cloud) -> None:
    with pytest.raises(ClientError, match="Invalid ShardIterator"):
        ground.client("dynamodbstreams").get_records(ShardIterator="arn:aws:none|1|none")


def test_expired_items_go_when_the_clock_is_advanced(ground: Cloud, streamed: Streamed) -> None:
    ttl = {"AttributeName": "until", "Enabled": True}
    streamed.api.update_time_to_live(TableName="items", TimeToLiveSpecification=ttl)
    streamed.put(id="short", until=str(int(time.time()) + 60))
    streamed.put(id="long", until=str(int(time.time()) + 9000))
    streamed.put(id="text", until="never")
    streamed.put(id="ancient", until="12")  # in no epoch seconds of the last five years
    streamed.read()
    ground.clock.advance(timedelta(seconds=61))
    [record] = streamed.read()
    assert (record["eventName"], record["dynamodb"]["OldImage"]["id"]) == ("REMOVE", {"S": "short"})
    assert record["userIdentity"]["PrincipalId"] == "dynamodb.amazonaws.com"
    left = streamed.api.scan(TableName="items")["Items"]
    assert sorted(item["id"]["S"] for item in left) == ["ancient", "long", "text"]


@pytest.mark.parametrize("name", ["/t", "a b", "表"])
def test_a_table_name_that_dynamodb_forbids_is_refused(ground: Cloud, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        ground.client("dynamodb").put_item(TableName=name, Item={"id": {"S": "1"}})
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == (
        f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )
