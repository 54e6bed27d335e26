"""The server over real HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.answer_request.admission import MAX_BODY_BYTES
from lambdas.answer_request.consumers import KeyHolders
from lambdas.answer_request.own_usage import OwnUsage
from lambdas.answer_request.pipeline import Pipeline
from lambdas.answer_request.server import RequestServer
from meguru.api_errors import ApiError
from meguru.billing import Billing
from meguru.ledger_book import Book
from meguru.model_version import Answering

CONTEXT = {
    "x-amzn-request-context": json.dumps(
        {"identity": {"apiKeyId": "key"}, "requestId": "request-1"}
    )
}
OTHER_COMPLETION = json.dumps(
    {
        "id": "n",
        "choices": [{"message": {"content": "いいえ"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
).encode()
PATH = "/v1/chat/completions"
PAGE = "https://chat.example.co.jp"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "元気?"}]}


@pytest.fixture
def connect(
    make_model: Any, log: Any, ledger: Any
) -> Iterator[Callable[..., http.client.HTTPConnection]]:
    """Serve a model that answers with these parts; a connection to it."""
    servers: list[RequestServer] = []

    def serve(*parts: Any, error: Exception | None = None) -> http.client.HTTPConnection:
        first, other = (Answering(name).attributes() for name in ("arn:p/group/3", "arn:p/other/1"))
        models = {
            "m": make_model(*parts, error=error, attributes=first)[0],
            "n": make_model(OTHER_COMPLETION, attributes=other)[0],
        }
        pipeline = Pipeline(models=models, log=log, ledger=ledger)
        usage = OwnUsage(ledger, Billing())
        address = ("127.0.0.1", 0)
        servers.append(RequestServer(address, pipeline, KeyHolders(), usage, [PAGE]))
        poll = {"poll_interval": 0.01}
        threading.Thread(target=servers[-1].serve_forever, kwargs=poll, daemon=True).start()
        return http.client.HTTPConnection(*servers[-1].server_address[:2], timeout=10)  # type: ignore[arg-type]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def post(
    connection: http.client.HTTPConnection,
    body: Any,
    headers: dict[str, str] = CONTEXT,
    path: str = PATH,
) -> tuple[http.client.HTTPResponse, bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, content, headers)
    response = connection.getresponse()
    return response, response.read()


def test_each_model_answers_by_its_own_endpoint(connect: Any, log: Any, completion: bytes) -> None:
    connection = connect(completion)
    answers = [json.loads(post(connection, QUESTION | {"model": name})[1]) for name in "mn"]
    said = [(one["model"], one["choices"][0]["message"]["content"]) for one in answers]
    assert said == [("m", "はい"), ("n", "いいえ")]
    packages = [record.model_package_arn for record in log.records]
    assert packages == ["arn:p/group/3", "arn:p/other/1"]


def test_a_model_that_is_not_served_is_refused_with_those_that_are(
    connect: Any, log: Any, completion: bytes
) -> None:
    response, content = post(connect(completion), QUESTION | {"model": "o"})
    assert response.status == 404
    error = json.loads(content)["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "this API serves 'm', 'n'" in error["message"]
    assert log.records == []


def test_answer(connect: Any, log: Any, completion: bytes) -> None:
    response, content = post(connect(completion), QUESTION)
    assert response.status == 200
    inference_id = response.headers["x-inference-id"]
    assert json.loads(content)["id"] == inference_id == log.records[0].inference_id
    assert response.headers["x-request-id"] == inference_id
    # What runs here is nobody's business.
    assert not response.headers["server"]
    assert log.records[0].consumer == "key"


def test_stream(connect: Any, log: Any) -> None:
    response, content = post(connect(), QUESTION | {"stream": True})
    events = content.decode().split("\n\n")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events[-2:] == ["data: [DONE]", ""]
    texts = [json.loads(one[5:])["choices"][0]["delta"]["content"] for one in events[:-2]]
    assert texts == ["は", "い"]
    assert log.records[0].finish_reason == "stop"


def test_connection_is_kept_after_a_refusal(connect: Any, log: Any, completion: bytes) -> None:
    connection = connect(completion)
    for bad in (b"{", {"model": "other"}, QUESTION | {"user": "\ud800"}, b"x" * 3_000_000):
        response, content = post(connection, bad)
        assert 400 <= response.status < 500
        assert response.headers["x-request-id"] == "request-1"
        assert json.loads(content)["error"]["type"] == "invalid_request_error"
    assert post(connection, QUESTION)[0].status == 200
    assert len(log.records) == 1


def test_busy_model_says_when_to_come_again(connect: Any, log: Any) -> None:
    said = json.dumps({"error": {"message": "full", "code": "overloaded"}})
    refused = {"Error": {"Code": "ModelError"}, "OriginalStatusCode": 503, "OriginalMessage": said}
    for body in (QUESTION, QUESTION | {"stream": True}):
        connection = connect(error=ClientError(refused, "InvokeEndpoint"))
        response, content = post(connection, body)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert json.loads(content)["error"]["code"] == "overloaded"
    assert [record.finish_reason for record in log.records] == ["error", "error"]


def model_error(status: int) -> ClientError:
    said = {"Error": {"Code": "ModelError"}, "OriginalStatusCode": status, "OriginalMessage": "x"}
    return ClientError(said, "InvokeEndpoint")


@pytest.mark.parametrize(
    ("error", "is_stream", "status", "num_requests"),
    [
        (ReadTimeoutError(endpoint_url="x"), False, 504, 1),
        (ReadTimeoutError(endpoint_url="x"), True, 504, 1),
        (model_error(0), False, 504, 1),
        (model_error(0), True, 504, 1),
        # What was answered before something broke here.
        (None, False, 500, 1),
        (model_error(500), False, 502, 2),
    ],
)
def test_openai_s_client_pays_for_no_second_generation(
    connect: Any,
    log: Any,
    completion: bytes,
    error: Exception | None,
    is_stream: bool,
    status: int,
    num_requests: int,
) -> None:
    log.error = None if error else RuntimeError("planted")
    connection = connect(completion, error=error)
    sent: list[httpx2.Request] = []
    http_client = httpx2.Client(event_hooks={"request": [sent.append]})
    address = f"http://{connection.host}:{connection.port}/v1"
    with (
        openai.OpenAI(
            base_url=address,
            api_key="k",
            max_retries=1,
            default_headers=CONTEXT,
            http_client=http_client,
        ) as client,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.chat.completions.create(**QUESTION, stream=is_stream)  # type: ignore[call-overload]
    assert refused.value.status_code == status
    assert len(sent) == num_requests


def test_body_too_large(connect: Any) -> None:
    response, content = post(connect(), b" " * (MAX_BODY_BYTES + 1))
    assert response.status == 413
    assert str(MAX_BODY_BYTES) in json.loads(content)["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    ["Transfer-Encoding: chunked", "Content-Length: -5", "Content-Length: ten"],
)
def test_body_without_a_known_end(connect: Any, log: Any, headers: str) -> None:
    connection = connect()
    connection.connect()
    request = f"POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\nnot a chunk\r\n"
    connection.sock.sendall(request.encode())
    answer = b"".join(iter(lambda: connection.sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert log.records == []


@pytest.mark.parametrize("headers", [{}, {"x-amzn-request-context": "{}"}])
def test_without_a_consumer(connect: Any, log: Any, headers: dict[str, str]) -> None:
    response, content = post(connect(), QUESTION, headers)
    assert response.status == 500
    assert json.loads(content)["error"]["code"] == "internal_error"
    assert log.records == []


def test_client_leaves_in_the_stream(connect: Any, log: Any, stream_parts: Any) -> None:
    connection = connect(*stream_parts[:1], *([stream_parts[0] * 100] * 500))
    connection.request("POST", PATH, json.dumps(QUESTION | {"stream": True}), CONTEXT)
    assert connection.getresponse().read(10)
    connection.sock and connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    deadline = time.monotonic() + 10
    while not log.records and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.records[0].finish_reason == "cancelled"


@pytest.mark.parametrize("fault", ["model", "connection"])
def test_error_after_the_status_is_an_event(
    connect: Any, log: Any, stream_parts: Any, fault: str
) -> None:
    if fault == "model":
        connection = connect(stream_parts[0], b'data: {"error": {"message": "planted"}}\n\n')
    else:
        connection = connect(stream_parts[0], ConnectionError("gone"))
    response, content = post(connection, QUESTION | {"stream": True})
    assert response.status == 200
    events = content.decode().strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert "[DONE]" not in content.decode()
    assert (log.records[0].answer, log.records[0].finish_reason) == ("は", "error")


def test_whoever_streams_does_not_wait_for_the_record(
    connect: Any, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_read = threading.Event()
    # Written before the end is sent, it would wait until the client has given up.
    monkeypatch.setattr(log, "write", lambda *_: is_read.wait(20))
    connection = connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(QUESTION | {"stream": True}), CONTEXT
    )
    response = connection.getresponse()
    assert b"data: [DONE]\n" in iter(response.readline, b"")
    is_read.set()
    assert response.read() == b"\n"


def test_ready(connect: Any) -> None:
    connection = connect()
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def test_what_is_left_stands_in_every_answer(connect: Any, ledger: Any, completion: bytes) -> None:
    for body in (QUESTION, QUESTION | {"stream": True}):
        response, _ = post(connect(*([] if "stream" in body else [completion])), body)
        assert response.headers["x-ratelimit-limit-requests"] == "60"
        assert response.headers["x-ratelimit-reset-requests"] == "13s"
    failed, _ = post(connect(error=model_error(500)), QUESTION)
    assert (failed.status, failed.headers["x-ratelimit-remaining-requests"]) == (502, "59")
    ledger.error = ApiError(429, "Used up.", code="insufficient_quota")
    refused, content = post(connect(completion), QUESTION)
    assert refused.status == 429 and json.loads(content)["error"]["message"] == "Used up."


def test_each_path_is_for_its_own_kind(connect: Any, log: Any) -> None:
    said = {"choices": [{"index": 0, "text": "です", "finish_reason": "stop"}]}
    text = {"model": "m", "prompt": "締切は"}
    response, content = post(connect(json.dumps(said).encode()), text, path="/v1/completions")
    assert (response.status, json.loads(content)["choices"]) == (200, said["choices"])
    assert json.loads(content)["id"].startswith("cmpl-")
    (record,) = log.records
    assert (record.answer, record.messages) == ("です", [{"role": "user", "content": "締切は"}])
    for path in ("/v1/completion", "/"):
        response, content = post(connect(), text, path=path)
        assert (response.status, json.loads(content)["error"]["code"]) == (404, "unknown_url")


def test_a_domain_of_the_client_s_may_put_something_before_the_path(
    connect: Any, completion: bytes
) -> None:
    said = {"identity": {"apiKeyId": "key"}, "resourcePath": PATH}
    headers = {"x-amzn-request-context": json.dumps(said)}
    assert post(connect(completion), QUESTION, headers, "/llm" + PATH)[0].status == 200


def test_own_usage(connect: Any, ledger: Any) -> None:
    ledger.book = Book("consumer#key#2026-10", "key", {"27/m/prompt_tokens": 4, "27/m/requests": 1})
    connection = connect()
    connection.request("GET", "/v1/usage?month=2026-10", headers=CONTEXT)
    report = json.loads(connection.getresponse().read())
    (day,) = report["data"]
    assert (day["day"], day["model"], day["prompt_tokens"]) == ("2026-10-27", "m", 4)
    assert ledger.calls == [("read", "consumer#key#2026-10")]
    for path, status in (("/v1/usage?month=1", 400), ("/v1/usages", 404)):
        connection.request("GET", path, "a body", headers=CONTEXT)
        response = connection.getresponse()
        assert response.status == status and json.loads(response.read())["error"]["code"]


@pytest.mark.parametrize("stream", [False, True])
def test_pages_that_may_read_are_told_so(connect: Any, completion: bytes, stream: bool) -> None:
    def allowed(origin: str, body: Any) -> tuple[str | None, str | None]:
        connection = connect(*([] if stream else [completion]))
        headers = post(connection, body, {**CONTEXT, "origin": origin})[0].headers
        return headers["access-control-allow-origin"], headers["vary"]

    for body in (QUESTION | {"stream": stream}, {}):
        assert allowed(PAGE, body) == (PAGE, "origin")
        assert allowed("https://elsewhere.example", body) == (None, "origin")
