"""Our clients against moto's server, and boto3's beside them; errors and new tries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    EventStreamError,
    NoCredentialsError,
    NoRegionError,
    ResponseStreamingError,
)

from lambdas.answer_request.signed.calls import Patience, Place, SignedCalls
from lambdas.answer_request.signed.clients import DynamoDb, SageMakerRuntime, Sqs, Table
from meguru.conditional_update import ConditionalUpdate, ConditionFailed
from tests.unit.lambdas.answer_request.conftest import place
from tests.unit.lambdas.answer_request.signed.test_event_stream import encoded, text

ITEM = {
    "id": {"S": "経費"},
    "marks": {"BS": [b"\x00\xff", b"b"]},
    "deep": {"M": {"l": {"L": [{"B": b"\x01"}, {"N": "1.5"}, {"NULL": True}]}, "B": {"S": "b"}}},
}


def test_items_as_boto3_has_them(make_table: Any, aws_server: str) -> None:
    make_table("t", "id")
    ours, theirs = DynamoDb(), boto3.client("dynamodb")
    ours.put_item(TableName="t", Item=ITEM)
    key = {"TableName": "t", "Key": {"id": ITEM["id"]}, "ConsistentRead": True}
    found = [client.get_item(**key)["Item"] for client in (ours, theirs)]
    for item in found:
        item["marks"]["BS"].sort()
    assert found == [ITEM, ITEM]
    read = Table(ours, "t").get_item(Key={"id": "経費"})["Item"]
    theirs_read = boto3.resource("dynamodb").Table("t").get_item(Key={"id": "経費"})["Item"]
    assert read == theirs_read
    assert Table(ours, "t").get_item(Key={"id": "none"}) == {}


def test_a_condition_that_fails_says_what_stands_there(make_table: Any, aws_server: str) -> None:
    make_table("t", "id")
    client = DynamoDb()
    client.put_item(TableName="t", Item=ITEM)
    update = ConditionalUpdate("t", {"id": ITEM["id"]})
    update.if_in("marks", b"none")
    update.set("x", 1)
    with pytest.raises(ConditionFailed) as failed:
        update.send(client)
    assert failed.value.item["deep"] == ITEM["deep"]


def test_refusals_have_their_names(aws_server: str) -> None:
    with pytest.raises(ClientError) as caught:
        DynamoDb().get_item(TableName="none", Key={"id": {"S": "x"}})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_messages_arrive(aws_server: str) -> None:
    theirs = boto3.client("sqs")
    url = theirs.create_queue(QueueName="q")["QueueUrl"]
    Sqs().send_message(QueueUrl=url, MessageBody="経費")
    [message] = theirs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "経費"


class Service(ThreadingHTTPServer):
    """Answers with the next of `answers`: status, headers, body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def place(self) -> Place:
        return place(f"http://127.0.0.1:{self.server_address[1]}")


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        status, more, content = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in ({"content-length": str(len(content))} | more).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """A test has no use for it."""


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    poll = {"poll_interval": 0.01}
    Thread(target=server.serve_forever, kwargs=poll, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


REQUEST = {"EndpointName": "text", "ContentType": "application/json", "Body": b"{}"}
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


def test_an_answer_in_one_piece(service: Service) -> None:
    service.answers = [(200, {ATTRIBUTES: "model=1"}, b'{"a": 1}')]
    more = {"CustomAttributes": "book=1", "InferenceComponentName": "c"}
    answer = SageMakerRuntime(place=service.place).invoke_endpoint(**REQUEST, **more)
    assert (answer["Body"].read(), answer["CustomAttributes"]) == (b'{"a": 1}', "model=1")
    [(path, headers, body)] = service.requests
    assert (path, body) == ("/endpoints/text/invocations", b"{}")
    assert headers["content-type"] == "application/json"
    assert headers[ATTRIBUTES] == "book=1"
    assert headers["x-amzn-sagemaker-inference-component"] == "c"
    assert "/us-east-1/sagemaker/aws4_request" in headers["authorization"]


def part(payload: bytes, **more: str) -> bytes:
    headers = {":message-type": "event", ":event-type": "PayloadPart"} | more
    return encoded({name: text(value) for name, value in headers.items()}, payload)


def stream(service: Service) -> list[bytes]:
    runtime = SageMakerRuntime(place=service.place)
    events = runtime.invoke_endpoint_with_response_stream(**REQUEST)["Body"]
    return [event["PayloadPart"]["Bytes"] for event in events]


def test_an_answer_in_parts(service: Service) -> None:
    service.answers = [(200, {}, part(b"data: 1\n\n") + part("経".encode()))]
    assert stream(service) == [b"data: 1\n\n", "経".encode()]
    assert service.requests[0][0] == "/endpoints/text/invocations-response-stream"


def test_a_stream_says_why_it_ends(service: Service) -> None:
    said = {":message-type": "exception", ":exception-type": "ModelStreamError"}
    service.answers = [(200, {}, part(b"a") + part(b'{"Message": "broke"}', **said))]
    with pytest.raises(EventStreamError, match=r"ModelStreamError.*broke"):
        stream(service)
    service.answers = [(200, {}, part(b"a")[:-3])]
    with pytest.raises(ResponseStreamingError):
        stream(service)


def test_what_a_model_said_is_in_its_error(service: Service) -> None:
    said = {"Message": "m", "OriginalStatusCode": 400, "OriginalMessage": '{"error": {}}'}
    headers = {"x-amzn-errortype": "ModelError:http://internal.amazon.com/"}
    service.answers = [(424, headers, json.dumps(said).encode())]
    with pytest.raises(ClientError) as caught:
        SageMakerRuntime(place=service.place).invoke_endpoint(**REQUEST)
    response: Any = caught.value.response
    assert response["Error"] == {"Code": "ModelError", "Message": "m"}
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (400, '{"error": {}}')


def calls(service: Service, attempts: int, pauses: list[float]) -> SignedCalls:
    patience = Patience(attempts=attempts)
    return SignedCalls("dynamodb", "dynamodb", "dynamodb", patience, service.place, pauses.append)


def test_trouble_that_passes_is_tried_again(service: Service) -> None:
    throttled = b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}'
    service.answers = [(500, {}, b"<html>"), (400, {}, throttled), (200, {}, b"{}")]
    pauses: list[float] = []
    assert calls(service, 3, pauses).send("GetItem", "/", {}, b"{}").read() == b"{}"
    assert len(pauses) == 2 and len(service.requests) == 3


def test_trouble_that_stays_is_told(service: Service) -> None:
    service.answers = [(503, {}, b""), (503, {}, b"")]
    with pytest.raises(ClientError, match="503"):
        calls(service, 2, []).send("GetItem", "/", {}, b"{}")


def test_a_refusal_is_not_tried_again(service: Service) -> None:
    service.answers = [(400, {}, b'{"__type": "a#ValidationException", "message": "no"}')]
    with pytest.raises(ClientError, match=r"ValidationException.*no"):
        calls(service, 3, []).send("GetItem", "/", {}, b"{}")


def test_nobody_there(service: Service) -> None:
    pauses: list[float] = []
    gone = SignedCalls(
        "sqs", "sqs", "sqs", Patience(attempts=3), place("http://127.0.0.1:1"), pauses.append
    )
    with pytest.raises(EndpointConnectionError):
        gone.send("SendMessage", "/", {}, b"{}")
    assert len(pauses) == 2


def test_where_aws_is() -> None:
    tokyo = Place({"AWS_REGION": "ap-northeast-1"})
    assert tokyo.url("sqs", "sqs") == "https://sqs.ap-northeast-1.amazonaws.com"
    china = Place({"AWS_DEFAULT_REGION": "cn-north-1"})
    runtime = ("sagemaker-runtime", "runtime.sagemaker")
    assert china.url(*runtime) == "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn"
    given = {"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://all"}
    own = {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://own"}
    assert Place(given).url(*runtime) == "http://all"
    assert Place(given | own).url(*runtime) == "http://own"
    with pytest.raises(NoRegionError):
        _ = Place({}).region
    with pytest.raises(NoCredentialsError):
        Place({}).credentials()
