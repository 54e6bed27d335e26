"""DynamoDB streams read on behalf of functions: order, checkpoints, retries, destinations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

READ = (
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:DescribeStream",
    "dynamodb:ListStreams",
    "sqs:SendMessage",
    "logs:*",
)
RECORDER = """
    import json, os
    def handler(event, context):
        keys = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps(keys) + "\\n")
        if any(key.startswith("break") for key in keys):
            raise ValueError("broken")
        for record in event["Records"]:
            if record["dynamodb"]["Keys"]["id"]["S"] == os.environ["POISON"]:
                if not os.path.exists(os.environ["SEEN"] + ".once"):
                    open(os.environ["SEEN"] + ".once", "w").close()
                    number = record["dynamodb"]["SequenceNumber"]
                    return {"batchItemFailures": [{"itemIdentifier": number}]}
        return {"batchItemFailures": []}
"""


class Stream:
    """A table with a stream, and a function that writes down what it gets."""

    def __init__(self, account: Any, folder: Path) -> None:
        self._account, self._folder = account, folder
        self._dynamodb = account.cloud.client("dynamodb")
        self._table = account.unique("table")
        made = self._dynamodb.create_table(
            TableName=self._table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.arn = made["TableDescription"]["LatestStreamArn"]

    def map(self, position: str = "TRIM_HORIZON", role: str | None = None, **settings: Any) -> None:
        self._file = self._folder / self._account.unique("seen")
        variables = {"SEEN": str(self._file), "POISON": "poison"}
        name = self._account.function(
            RECORDER,
            Role=role or self._account.role(*READ),
            Environment={"Variables": variables},
        )
        self._account.api.create_event_source_mapping(
            FunctionName=name, EventSourceArn=self.arn, StartingPosition=position, **settings
        )

    def put(self, *keys: str) -> None:
        for key in keys:
            item = {"id": {"S": key}, "blob": {"B": b"\0\1"}}
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def batches(self) -> list[list[str]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def seen(self) -> list[str]:
        return [key for batch in self.batches() for key in batch]


@pytest.fixture
def stream(account: Any, tmp_path: Path) -> Any:
    yield Stream(account, tmp_path)
    for mapping in account.api.list_event_source_mappings()["EventSourceMappings"]:
        account.api.delete_event_source_mapping(UUID=mapping["UUID"])


def test_records_come_in_order_from_the_beginning(
    stream: Any, eventually: Callable[..., Any]
) -> None:
    keys = [f"{number:03}" for number in range(40)]
    stream.put(*keys[:20])
    stream.map(BatchSize=7)
    stream.put(*keys[20:])
    eventually(lambda: len(stream.seen()) == 40)
    assert stream.seen() == keys
    assert max(map(len, stream.batches())) == 7


def test_latest_begins_with_the_mapping(stream: Any, eventually: Callable[..., Any]) -> None:
    stream.put("before")
    stream.map("LATEST")
    stream.put("after")
    eventually(lambda: stream.seen())
    assert stream.seen() == ["after"]


def test_a_mapping_that_rested_goes_on_where_it_was(
    account: Any, stream: Any, eventually: Callable[..., Any]
) -> None:
    stream.put("a", "b")
    stream.map()
    eventually(lambda: stream.seen() == ["a", "b"])
    (mapping,) = account.api.list_event_source_mappings()["EventSourceMappings"]
    account.api.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    stream.put("c")
    account.api.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True, BatchSize=1)
    stream.put("d")
    eventually(lambda: len(stream.seen()) >= 4)
    assert stream.batches() == [["a", "b"], ["c"], ["d"]]


def test_a_reported_failure_is_where_it_goes_on(
    stream: Any, eventually: Callable[..., Any]
) -> None:
    stream.put("a", "poison", "b")
    stream.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    eventually(lambda: len(stream.seen()) >= 5)
    assert stream.batches() == [["a", "poison", "b"], ["poison", "b"]]


def test_a_batch_is_halved_until_the_bad_record_is_alone_and_given_up(
    account: Any, stream: Any, eventually: Callable[..., Any]
) -> None:
    sqs = account.cloud.client("sqs")
    url = sqs.create_queue(QueueName=account.unique("failed"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    stream.put("a", "b", "break", "c")
    stream.map(
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    received = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    record = json.loads(received[0]["Body"])
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    stream.put("d")
    eventually(lambda: stream.seen()[-1] == "d")
    assert stream.batches() == [
        ["a", "b", "break", "c"],
        ["a", "b"],
        ["break", "c"],
        ["break"],
        ["c"],
        ["d"],
    ]


def test_filters_look_into_records(stream: Any, eventually: Callable[..., Any]) -> None:
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": [{"prefix": "x"}]}}}}
    stream.map(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    stream.put("a", "x1", "b", "x2", "x1")
    eventually(lambda: len(stream.seen()) == 2)
    assert stream.seen() == ["x1", "x2"]


def test_a_role_that_may_not_read_is_refused(account: Any, stream: Any) -> None:
    with pytest.raises(account.api.exceptions.InvalidParameterValueException, match="GetRecords"):
        stream.map(role=account.role("logs:*"))
