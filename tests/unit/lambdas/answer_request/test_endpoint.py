"""What the endpoint refuses, in the API's terms."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambdas.answer_request.endpoint import RUNTIME, TextEndpoint
from lambdas.answer_request.signed.clients import SageMakerRuntime
from lambdas.answer_request.warm_up import WarmUp
from meguru.api_errors import ApiError, NotServing, Overloaded, Warming
from tests.unit.lambdas.answer_request.conftest import place


class SilentServer(ThreadingHTTPServer):
    """Counts requests and answers none before it is closed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SilentHandler)
        self.num_requests, self.closing = 0, threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class SilentHandler(BaseHTTPRequestHandler):
    server: SilentServer

    def do_POST(self) -> None:
        self.server.num_requests += 1
        self.server.closing.wait(10)


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    poll = {"poll_interval": 0.01}
    threading.Thread(target=server.serve_forever, kwargs=poll, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


def refusal(make_model: Any, code: str, **more: Any) -> ApiError:
    error = ClientError({"Error": {"Code": code, "Message": "x"}} | more, "InvokeEndpoint")
    runtime = make_model(error=error)[1]
    endpoint = TextEndpoint(runtime, "text")
    with pytest.raises(ApiError) as whole:
        endpoint.complete({})
    with pytest.raises(ApiError) as streamed, endpoint.stream({}):
        pass
    assert whole.value.body() == streamed.value.body()
    return whole.value


def test_a_model_without_copies_is_warming(make_model: Any) -> None:
    said = "Inference Component has no capacity to process this request. ApplicationAutoScaling…"
    error = {"Code": "ValidationError", "Message": said}
    found = refusal(make_model, "ValidationError", Error=error)
    assert isinstance(found, Warming) and (found.status, found.code) == (503, "model_warming")
    assert "about 180 s" in found.message and not found.may_have_answered


class ComponentRuntime:
    """Hosts a component, and takes requests to it only by its name."""

    def __init__(self, component: str | None) -> None:
        self.component, self.num_requests = component, 0

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.num_requests += 1
        if request.get("InferenceComponentName") != self.component:
            word = "required" if self.component else "not allowed"
            said = f"Inference Component Name header is {word} for endpoints to which you …"
            error = {"Code": "ValidationError", "Message": said}
            raise ClientError({"Error": error}, "InvokeEndpoint")
        return {"Body": io.BytesIO(b"{}")}


def test_an_endpoint_that_hosts_a_component_is_asked_by_its_name() -> None:
    runtime = ComponentRuntime("text")
    endpoint = TextEndpoint(runtime, "text")
    assert endpoint.complete({})[1] == {}
    assert runtime.num_requests == 2
    # It is known from then on, until the endpoint is made anew as another kind.
    endpoint.complete({})
    assert runtime.num_requests == 3
    runtime.component = None
    endpoint.complete({})
    endpoint.complete({})
    assert runtime.num_requests == 6


def test_a_copy_that_answers_ends_the_warming(make_model: Any) -> None:
    warm_up = WarmUp(lambda: 100, lambda: now[0])
    now = [0.0]
    runtime = make_model(b"{}")[1]
    endpoint = TextEndpoint(runtime, "text", warm_up)
    said = f"Inference Component has {Warming.WORDS}."
    for seconds in (160, 100):
        runtime.error = ClientError(
            {"Error": {"Code": "ValidationError", "Message": said}}, "InvokeEndpoint"
        )
        with pytest.raises(Warming) as refused:
            endpoint.complete({})
        assert refused.value.retry_after_seconds == seconds
        now[0] += 60
    runtime.error = None
    with endpoint.stream({}):
        pass
    runtime.error = ClientError(
        {"Error": {"Code": "ValidationError", "Message": said}}, "InvokeEndpoint"
    )
    with pytest.raises(Warming) as again:
        endpoint.complete({})
    assert again.value.retry_after_seconds == 160


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_model_refuses_the_request(make_model: Any, status: int) -> None:
    said = {"error": {"message": "too long", "code": "context_length", "param": "messages"}}
    error = refusal(
        make_model, "ModelError", OriginalStatusCode=status, OriginalMessage=json.dumps(said)
    )
    assert (error.status, error.message) == (status, "too long")
    assert (error.code, error.param) == ("context_length", "messages")


@pytest.mark.parametrize("code", [None, 400, ""])
def test_a_refusal_of_the_model_s_has_a_code_always(make_model: Any, code: object) -> None:
    said = json.dumps({"error": {"message": "too long", "code": code}})
    error = refusal(make_model, "ModelError", OriginalStatusCode=400, OriginalMessage=said)
    assert (error.message, error.code) == ("too long", "model_error")


@pytest.mark.parametrize("said", ["", "<html>", "[]", "{}", '{"error": "text"}', "null"])
def test_model_refuses_in_words_of_its_own(make_model: Any, said: str) -> None:
    error = refusal(make_model, "ModelError", OriginalStatusCode=400, OriginalMessage=said)
    assert (error.status, error.code) == (400, "model_error")


@pytest.mark.parametrize("more", [{"OriginalStatusCode": 500}, {"OriginalStatusCode": 302}, {}])
def test_model_fails(make_model: Any, more: dict[str, int]) -> None:
    assert refusal(make_model, "ModelError", **more).status == 502


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("ModelError", {"OriginalStatusCode": 503}),
        ("ValidationError", {}),
        ("ValidationException", {}),
        ("ServiceUnavailable", {}),
        ("ModelNotReadyException", {}),
    ],
)
def test_not_serving(make_model: Any, code: str, more: dict[str, int]) -> None:
    assert isinstance(refusal(make_model, code, **more), NotServing)


def test_busy_is_not_the_same_as_not_there(make_model: Any) -> None:
    said = {"error": {"message": "Too many requests are waiting.", "code": "overloaded"}}
    for status in (429, 503):
        error = refusal(
            make_model, "ModelError", OriginalStatusCode=status, OriginalMessage=json.dumps(said)
        )
        assert isinstance(error, Overloaded)
        assert (error.status, error.retry_after_seconds) == (503, 1)
    assert isinstance(refusal(make_model, "ThrottlingException"), Overloaded)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ReadTimeoutError(endpoint_url="x"), 504),
        (ConnectionClosedError(endpoint_url="x"), 504),
        (ConnectTimeoutError(endpoint_url="x"), 503),
        (EndpointConnectionError(endpoint_url="x", error="refused"), 503),
    ],
)
def test_an_answer_that_does_not_come(make_model: Any, error: Exception, status: int) -> None:
    endpoint = TextEndpoint(make_model(error=error)[1], "text")
    with pytest.raises(ApiError) as caught:
        endpoint.complete({})
    assert caught.value.status == status
    assert caught.value.may_have_answered is (status == 504)


def test_sagemaker_gave_the_container_up(make_model: Any) -> None:
    """What SageMaker says when a container doesn't answer within its 60 seconds."""
    said = "Your invocation timed out while waiting for a response from container primary."
    error = refusal(make_model, "ModelError", OriginalStatusCode=0, OriginalMessage=said)
    assert (error.status, error.code, error.may_have_answered) == (504, "model_timeout", True)


def test_a_generation_is_waited_for_and_never_repeated(silent_server: SilentServer) -> None:
    """The real client against a server that takes a request and says nothing."""
    client = SageMakerRuntime(replace(RUNTIME, read_timeout=0.2), place(silent_server.url))
    with pytest.raises(ApiError) as caught:
        TextEndpoint(client, "text").complete({})
    assert caught.value.status == 504
    assert silent_server.num_requests == 1
    assert RUNTIME.read_timeout > 480


def test_other_errors_are_ours(make_model: Any) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "InvokeEndpoint")
    with pytest.raises(ClientError):
        TextEndpoint(make_model(error=error)[1], "text").complete({})
