"""An ordinary CDK app under `python -m localcloud`, used with plain boto3 and HTTP."""

from __future__ import annotations

import json
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.foreign_app.conftest import Running

Eventually = Callable[..., Any]
Launch = Callable[[Path], "Running"]


def receive(bookshop: Running, queue: str) -> list[str]:
    """The bodies of what lies in a queue, which it then no longer does."""
    sqs, url = bookshop.client("sqs"), bookshop.output(queue)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in messages]


def test_what_is_printed_is_what_cloudformation_answers(bookshop: Running) -> None:
    stacks = bookshop.client("cloudformation").describe_stacks()["Stacks"]
    described = {
        f"{stack['StackName']}.{output['OutputKey']}": output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", [])
    }
    assert bookshop.printed
    assert bookshop.printed.items() <= described.items()
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}


def test_uploads_reach_a_queue_a_function_and_the_bus(
    bookshop: Running, eventually: Eventually
) -> None:
    s3, bucket = bookshop.client("s3"), bookshop.output("BucketName")
    for key in ("pictures/表紙.png", "notices/new book.txt", "archive/1.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    def arrived() -> list[dict[str, Any]]:
        # S3 says hello with a test event that has no records.
        events = [json.loads(body) for body in receive(bookshop, "ArrivalsQueue")]
        return [record for event in events for record in event.get("Records", [])]

    [record] = eventually(arrived)
    assert record["eventName"] == "ObjectCreated:Put"
    assert eventually(lambda: receive(bookshop, "SeenQueue")) == ["notices/new book.txt"]
    [event] = eventually(lambda: receive(bookshop, "ArchiveQueue"))
    assert json.loads(event)["detail"]["object"]["key"] == "archive/1.txt"


def test_the_bucket_is_as_the_template_says(bookshop: Running) -> None:
    s3, bucket = bookshop.client("s3"), bookshop.output("BucketName")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    page = s3.get_object(Bucket=bucket, Key="page/index.html")
    assert b"Bookshop" in page["Body"].read()
    assert page["ContentType"] == "text/html"
    shop = s3.get_object(Bucket=bucket, Key="page/shop.json")["Body"].read()
    assert json.loads(shop) == {"bucket": bucket}


def test_the_stream_is_indexed_and_a_bad_record_set_aside(
    bookshop: Running, eventually: Eventually
) -> None:
    dynamodb = bookshop.client("dynamodb")
    books, index = bookshop.output("BooksTable"), bookshop.output("IndexTable")

    def put(isbn: str, title: str) -> None:
        item = {"isbn": {"S": isbn}, "author": {"S": "a"}, "title": {"S": title}}
        dynamodb.put_item(TableName=books, Item=item)

    def found(word: str, isbn: str) -> bool:
        key = {"word": {"S": word}, "isbn": {"S": isbn}}
        return "Item" in dynamodb.get_item(TableName=index, Key=key)

    put("1", "red book")
    put("2", "burn")
    eventually(lambda: found("red", "1") and found("book", "1"))
    [failure] = eventually(lambda: receive(bookshop, "FailuresQueue"))
    assert json.loads(failure)["DDBStreamBatchInfo"]["batchSize"] == 1
    assert not found("burn", "2")
    put("3", "blue book")
    eventually(lambda: found("blue", "3"))


def test_a_secret_a_parameter_and_a_call_of_the_aws_api_at_deployment(bookshop: Running) -> None:
    secret = bookshop.client("secretsmanager").get_secret_value(
        SecretId=bookshop.output("SecretArn")
    )
    login = json.loads(secret["SecretString"])
    assert login["user"] == "bookshop"
    assert len(login["password"]) == 32
    greeting = bookshop.client("ssm").get_parameter(Name=bookshop.output("GreetingName"))
    assert greeting["Parameter"]["Value"] == "いらっしゃいませ"
    book = bookshop.client("dynamodb").get_item(
        TableName=bookshop.output("BooksTable"), Key={"isbn": {"S": "978-4-00"}}
    )
    assert book["Item"]["author"] == {"S": "紫式部"}


def test_the_topic_reaches_the_queue_of_a_nested_stack(
    bookshop: Running, eventually: Eventually
) -> None:
    bookshop.client("sns").publish(TopicArn=bookshop.output("TopicArn"), Message="an order")
    assert eventually(lambda: receive(bookshop, "WarehouseQueue")) == ["an order"]


def test_the_state_machine_runs(bookshop: Running, eventually: Eventually) -> None:
    states, machine = bookshop.client("stepfunctions"), bookshop.output("MachineArn")

    def run(price: int) -> dict[str, Any]:
        arn = states.start_execution(
            stateMachineArn=machine, input=json.dumps({"title": "本", "price": price})
        )["executionArn"]

        def ended() -> dict[str, Any] | None:
            described = states.describe_execution(executionArn=arn)
            return described if described["status"] != "RUNNING" else None

        execution: dict[str, Any] = eventually(ended)
        return execution

    assert run(800)["status"] == "SUCCEEDED"
    [body] = eventually(lambda: receive(bookshop, "WarehouseQueue"))
    assert json.loads(body) == {"title": "本", "price": 800}
    assert run(20_000)["status"] == "FAILED"


def test_the_provider_framework_hands_attributes_on(bookshop: Running) -> None:
    assert bookshop.output("CertificateNumber") == "3-true"


def get(url: str, **headers: str) -> tuple[int, object]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_api_answers_whoever_has_a_key(bookshop: Running) -> None:
    key = bookshop.client("apigateway").get_api_key(
        apiKey=bookshop.output("KeyId"), includeValue=True
    )["value"]
    url = bookshop.output("ApiUrl") + "books/978-4-00"
    assert url.startswith(bookshop.endpoint_url)
    assert get(url)[0] == 403
    assert get(url, **{"x-api-key": key}) == (200, {"isbn": "978-4-00", "author": "紫式部"})
    assert get(f"{url}-none", **{"x-api-key": key})[0] == 404


def children(parent: int) -> set[int]:
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except (ProcessLookupError, FileNotFoundError):
            continue
        if int(fields[1]) == parent:
            found.add(int(file.parent.name))
    return found


def test_sigterm_ends_it_and_all_its_processes(assembly: Path, launch: Launch) -> None:
    running = launch(assembly)
    running.read_until_ready()
    functions = children(running.process.pid)
    assert functions, "the custom resources' functions ran, so their processes are warm"
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(15)
    assert not [pid for pid in functions if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def with_unknown_type(assembly: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "cdk.out"
    shutil.copytree(assembly, copy)
    file = copy / "BookshopShop.template.json"
    template = json.loads(file.read_text())
    template["Resources"]["Oven"] = {"Type": "AWS::Bakery::Oven"}
    file.write_text(json.dumps(template))
    return copy


def test_an_unknown_type_stops_the_start_with_one_line(
    with_unknown_type: Path, launch: Launch
) -> None:
    running = launch(with_unknown_type)
    output, _ = running.process.communicate(timeout=60)
    assert len(output.splitlines()) == 1, output
    for part in ("BookshopShop", "Oven", "AWS::Bakery::Oven"):
        assert part in output
    assert running.process.returncode == 1


def test_a_function_at_an_address_of_its_own_and_its_log(
    bookshop: Running, eventually: Eventually
) -> None:
    url = bookshop.output("DeskUrl")
    for question in ("found", "lost"):
        with urllib.request.urlopen(url + question) as answer:
            assert (answer.status, answer.read().decode()) == (200, question)
    assert eventually(lambda: receive(bookshop, "LostQueue")) == ["ERROR lost"]
    body = json.dumps({"advance_seconds": 60}).encode()
    urllib.request.urlopen(f"{bookshop.endpoint_url}/_localcloud/clock", body).close()

    def state() -> str:
        alarms = bookshop.client("cloudwatch").describe_alarms(AlarmNames=["helpdesk-lost"])
        return str(alarms["MetricAlarms"][0]["StateValue"])

    assert eventually(lambda: state() == "ALARM")
