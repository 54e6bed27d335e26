"""Responses that go to the client as they come."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.functions.invocation import FunctionError


@dataclass
class Chunks:
    """A stream that goes on as long as it is let, and knows when it was closed."""

    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    closed: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    last: int = 3

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.go_on.acquire(timeout=10) or self.count == self.last:
            raise StopIteration
        self.count += 1
        return b"data: %d\n\n" % self.count

    def close(self) -> None:
        self.closed.set()


def streaming(api: Any, stream: Callable[[Any], Any]) -> None:
    name = api.method("/chat", "POST")
    api.functions.streams["chat"] = stream
    api.gateway.put_integration(
        **name,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=api.functions.stream_uri("chat"),
        responseTransferMode="STREAM",
    )
    api.deploy()


def answer(chunks: Any, **options: Any) -> Any:
    headers = {"Content-Type": "text/event-stream"}
    made = {"status": 201, "headers": headers, "cookies": ["a=1", "b=2"], "chunks": chunks}
    return SimpleNamespace(**{**made, **options})


def connect(api: Any) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    host, port = api.cloud.endpoint_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    path = api.url("/chat").removeprefix(api.cloud.endpoint_url)
    connection.request("POST", path, body=b'{"q":1}')
    return connection, connection.getresponse()


def test_chunks_arrive_before_the_stream_ends(api: Any) -> None:
    chunks = Chunks()
    streaming(api, lambda event: answer(chunks))
    chunks.go_on.release()
    connection, response = connect(api)
    assert response.status == 201
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.readline() == b"data: 1\n"
    assert not chunks.closed.is_set()
    for _ in range(4):
        chunks.go_on.release()
    assert response.read() == b"\ndata: 2\n\ndata: 3\n\n"
    assert chunks.closed.wait(5)
    connection.close()


def test_a_client_that_leaves_ends_the_stream(api: Any) -> None:
    chunks = Chunks(last=10_000_000)
    streaming(api, lambda event: answer(chunks))
    chunks.go_on.release()
    connection, response = connect(api)
    assert response.readline() == b"data: 1\n"
    response.close()
    connection.close()
    for _ in range(1000):
        chunks.go_on.release()
        if chunks.closed.wait(0.01):
            break
    assert chunks.closed.is_set()


def test_the_function_gets_the_whole_event(api: Any) -> None:
    seen: list[Any] = []

    def stream(event: Any) -> Any:
        seen.append(event)
        return answer(iter([b"x"]))

    streaming(api, stream)
    assert api.call("/chat", "POST", body=b'{"q":1}').data == b"x"
    assert seen[0]["body"] == '{"q":1}' and seen[0]["resource"] == "/chat"


def test_a_function_that_fails_first_is_a_bad_gateway(api: Any) -> None:
    def stream(event: Any) -> Any:
        raise FunctionError("Runtime.ExitError", "exited")

    streaming(api, stream)
    assert api.call("/chat", "POST").status == 502


def test_a_function_that_fails_in_the_middle_ends_the_connection(api: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: 1\n\n"
        raise FunctionError("Runtime.ExitError", "exited")

    streaming(api, lambda event: answer(chunks()))
    connection, response = connect(api)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    connection.close()
    assert api.call("/nothing").status == 403


def test_a_permission_is_needed_to_stream(api: Any) -> None:
    streaming(api, lambda event: answer(iter([b"x"])))
    api.functions.permitted_source = "arn:aws:execute-api:us-east-1:123456789012:other/*"
    assert api.call("/chat", "POST").status == 500


def test_mode_and_address_must_agree(api: Any) -> None:
    name = api.method("/x")
    options = {"type": "AWS_PROXY", "integrationHttpMethod": "POST"}
    with pytest.raises(ClientError, match="go together"):
        api.gateway.put_integration(
            **name, **options, uri=api.functions.uri("f"), responseTransferMode="STREAM"
        )
    with pytest.raises(ClientError, match="go together"):
        api.gateway.put_integration(**name, **options, uri=api.functions.stream_uri("f"))
