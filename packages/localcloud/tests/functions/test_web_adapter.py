"""Functions that are web servers, behind the Lambda Web Adapter's layer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.functions.invocation import FunctionError
from localcloud.functions.invoker import NotStreamedError

ADAPTER = "arn:aws:lambda:us-east-1:753240598075:layer:LambdaAdapterLayerX86:27"
SERVER = """
    import http.server, json, os, time

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            getattr(self, path.strip("/") or "echo", self.echo)(body)

        do_GET = do_POST = do_HEAD = do_PUT = answer

        def send(self, status, content, type_="application/json"):
            self.send_response(status)
            self.send_header("Content-Type", type_)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Set-Cookie", "b=2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def echo(self, body):
            told = {"path": self.path, "method": self.command, "body": body.decode(),
                    "pid": os.getpid(), "headers": {k.lower(): v for k, v in self.headers.items()}}
            self.send(201, json.dumps(told).encode())

        def binary(self, body):
            self.send(200, bytes(range(256)), "image/png")

        def ready(self, body):
            self.send(503 if time.time() - STARTED < 0.3 else 200, b"")

        def exit(self, body):
            os._exit(7)

        def sleep(self, body):
            time.sleep(60)

        def stream(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for number in range(400):
                    piece = f"data: {number} 日本\\n\\n".encode()
                    self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
                    time.sleep(0.01)
                self.wfile.write(b"0\\r\\n\\r\\n")
            except (BrokenPipeError, ConnectionResetError):
                print("the caller has left", flush=True)

        def log_message(self, *args):
            pass

    STARTED = time.time()
    address = ("127.0.0.1", int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
FILES = {"run.sh": "#!/bin/sh\nexec python server.py\n", "server.py": SERVER}


def web_function(account: Any, **variables: str) -> str:
    variables = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_READINESS_CHECK_PATH": "/ready",
        "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS": "200-399",
        **variables,
    }
    name: str = account.function(
        FILES, Handler="run.sh", Layers=[ADAPTER], Environment={"Variables": variables}, Timeout=3
    )
    return name


@pytest.fixture(scope="module")
def buffered(account: Any) -> str:
    return web_function(account)


@pytest.fixture(scope="module")
def streaming(account: Any) -> str:
    return web_function(account, AWS_LWA_INVOKE_MODE="response_stream")


def event(path: str, **members: Any) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "path": path,
        "headers": {"X-Own": "v\r\ninjected: 1", "Host": "api.example"},
        "multiValueQueryStringParameters": {"q": ["日 本", "2"]},
        "body": "こんにちは",
        "isBase64Encoded": False,
        "requestContext": {"stage": "prod", "authorizer": {"consumer": "c"}},
        **members,
    }


def test_a_proxy_event_becomes_a_request_and_its_answer_a_response(
    account: Any, buffered: str
) -> None:
    answer = account.invoke(buffered, event("/a b/c"))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (201, False)
    assert answer["multiValueHeaders"]["set-cookie"] == ["a=1", "b=2"]
    request = json.loads(answer["body"])
    assert request["path"] == "/a%20b/c?q=%E6%97%A5+%E6%9C%AC&q=2"
    assert request["body"] == "こんにちは"
    assert request["headers"]["host"] == "api.example"
    assert "injected" not in request["headers"]
    context = json.loads(request["headers"]["x-amzn-request-context"])
    assert context["authorizer"] == {"consumer": "c"}
    lambda_context = json.loads(request["headers"]["x-amzn-lambda-context"])
    assert lambda_context["env_config"]["function_name"] == buffered


def test_payload_format_2(account: Any, buffered: str) -> None:
    http = {"method": "PUT", "path": "/x"}
    sent = {
        "version": "2.0",
        "rawPath": "/x",
        "rawQueryString": "a=1",
        "cookies": ["k=v"],
        "requestContext": {"http": http},
    }
    answer = account.invoke(buffered, sent)
    assert answer["cookies"] == ["a=1", "b=2"]
    request = json.loads(answer["body"])
    assert (request["method"], request["path"]) == ("PUT", "/x?a=1")
    assert request["headers"]["cookie"] == "k=v"


def test_other_events_are_posted_to_the_pass_through_path(account: Any, buffered: str) -> None:
    answer = account.invoke(buffered, {"Records": ["一"]})
    request = json.loads(answer["body"])
    assert (request["method"], request["path"]) == ("POST", "/events")
    assert json.loads(request["body"]) == {"Records": ["一"]}


def test_binary_answers_and_answers_to_head(account: Any, buffered: str) -> None:
    assert account.invoke(buffered, event("/binary"))["isBase64Encoded"] is True
    assert account.invoke(buffered, event("/binary", httpMethod="HEAD"))["body"] == ""


def test_a_server_that_dies_or_hangs(account: Any, buffered: str) -> None:
    _, error = account.invoke(buffered, event("/exit"))
    assert error["errorType"] == "Runtime.ExitError"
    _, error = account.invoke(buffered, event("/sleep"))
    assert error["errorType"] == "Sandbox.Timedout"
    assert account.invoke(buffered, event("/"))["statusCode"] == 201


def test_a_stream_comes_piece_by_piece(account: Any, streaming: str) -> None:
    answer = account.service.invoke_stream(streaming, event("/echo"))
    assert (answer.status, answer.cookies) == (201, ["a=1", "b=2"])
    assert json.loads(b"".join(answer.chunks))["method"] == "POST"
    answer = account.service.invoke_stream(streaming, event("/stream"))
    assert answer.headers["content-type"] == "text/event-stream"
    started = time.monotonic()
    pieces = [next(answer.chunks) for _ in range(3)]
    assert time.monotonic() - started < 1
    assert pieces[0].startswith("data: 0 日本".encode())
    answer.close()


def test_a_caller_that_leaves_is_noticed_and_the_process_kept(
    account: Any, eventually: Callable[..., Any]
) -> None:
    name = web_function(account, AWS_LWA_INVOKE_MODE="response_stream")
    pid = json.loads(b"".join(account.service.invoke_stream(name, event("/"))))["pid"]
    answer = account.service.invoke_stream(name, event("/stream"))
    next(answer.chunks)
    answer.close()
    logs = account.cloud.client("logs")

    def noticed() -> bool:
        again = account.service.invoke_stream(name, event("/"))
        assert json.loads(b"".join(again))["pid"] == pid
        account.service.log_writer.flush()
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return any("the caller has left" in line["message"] for line in found)

    eventually(noticed)


def test_a_stream_that_fails(account: Any, streaming: str) -> None:
    with pytest.raises(FunctionError, match="exit status 7"):
        account.service.invoke_stream(streaming, event("/exit"))
    answer = account.service.invoke_stream(streaming, event("/stream"))
    with pytest.raises(FunctionError, match="timed out"):
        list(answer.chunks)


def test_a_buffered_function_does_not_stream(account: Any, buffered: str) -> None:
    with pytest.raises(NotStreamedError):
        account.service.invoke_stream(buffered, event("/"))


def test_the_api_streams_too(account: Any, streaming: str) -> None:
    answer = account.api.invoke_with_response_stream(
        FunctionName=streaming, Payload=json.dumps(event("/echo"))
    )
    events = list(answer["EventStream"])
    assert events[-1] == {"InvokeComplete": {}}
    content = b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1])
    prelude, end, _ = content.partition(b"\0" * 8)
    assert end
    assert json.loads(prelude)["statusCode"] == 201


def test_the_wrapper_without_the_layer_is_refused(account: Any) -> None:
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"}
    with pytest.raises(
        account.api.exceptions.InvalidParameterValueException, match="LambdaAdapter"
    ):
        account.function(FILES, Handler="run.sh", Environment={"Variables": variables})
