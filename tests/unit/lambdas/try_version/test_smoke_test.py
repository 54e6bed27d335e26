"""What a version has to answer before anybody's request goes to it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.try_version import smoke_test
from lambdas.try_version.smoke_test import SmokeTest

VERSION = "arn:p/group/2"
SAID = "毎月10日までに申請してください。"


class FakeRuntime:
    """An endpoint that answers each question as `answer` does."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any], version: str = VERSION) -> None:
        self.answer, self.version = answer, version
        self.asked: list[dict[str, Any]] = []
        self.stream = b'data: {"choices": []}\n\ndata: [DONE]\n\n'

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answer(json.loads(request["Body"]))
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        attributes = f"model-version={self.version}" if self.version else ""
        return {"Body": io.BytesIO(content), "CustomAttributes": attributes}

    def invoke_endpoint_with_response_stream(self, **request: Any) -> dict[str, Any]:
        assert json.loads(request["Body"])["stream"]
        parts = [self.stream[:9], self.stream[9:]]
        return {"Body": [{"PayloadPart": {"Bytes": part}} for part in parts]}


def saying(text: str) -> Callable[[Any], Any]:
    return lambda _: {"choices": [{"message": {"content": text}}]}


def tried(runtime: Any, kind: str = "text", maximum_seconds: float = 30) -> str:
    test = SmokeTest(runtime, "text--smoke", kind, "chat", ["a", "b", "c"], maximum_seconds)
    return test.failure(VERSION)


def refused(code: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, **more}, "InvokeEndpoint")


def failing(error: Exception) -> Callable[[Any], Any]:
    def answer(_: Any) -> Any:
        raise error

    return answer


def test_a_version_that_answers_may_serve() -> None:
    runtime = FakeRuntime(saying(SAID))
    assert tried(runtime) == ""
    bodies = [json.loads(request["Body"]) for request in runtime.asked]
    assert [body["messages"][0]["content"] for body in bodies] == ["a", "b", "c"]
    assert {request["EndpointName"] for request in runtime.asked} == {"text--smoke"}
    # An engine that doesn't say which version it is.
    assert tried(FakeRuntime(saying(SAID), version="")) == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (saying(""), "all of 3 answers are flawed (empty, empty, empty)"),
        (saying("はい、" * 90), "flawed (repeated"),
        (lambda _: b"<html>", "no JSON"),
        (lambda _: [], "no completion"),
        (lambda _: {"choices": []}, "no completion"),
        (lambda _: {"error": {"message": "x"}}, "no completion"),
        (failing(refused("ModelError")), "was not answered"),
        (failing(ReadTimeoutError(endpoint_url="x")), "was not answered"),
    ],
)
def test_what_no_caller_should_get(answer: Callable[[Any], Any], said: str) -> None:
    found = tried(FakeRuntime(answer))
    assert said in found and "\n" not in found


def test_one_odd_answer_is_no_fault() -> None:
    answers = iter(["", SAID, ""])
    assert tried(FakeRuntime(lambda _: saying(next(answers))(_))) == ""


def test_another_version_than_was_meant() -> None:
    assert "another version answered: arn:other" in tried(FakeRuntime(saying(SAID), "arn:other"))


@pytest.mark.parametrize("stream", [b"", b"data: {}\n\n", b"<html>"])
def test_a_stream_without_an_end(stream: bytes) -> None:
    runtime = FakeRuntime(saying(SAID))
    runtime.stream = stream
    assert "has no end" in tried(runtime)


def test_a_slow_version(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0, 90, 0, 40, 0, 35.0])
    monkeypatch.setattr("lambdas.try_version.smoke_test.time.monotonic", lambda: next(times))
    assert "longer than 30 s: the fastest 35.0 s" in tried(FakeRuntime(saying(SAID)))
    # The first one warms it up, and one may have had bad luck.
    times = iter([0, 90, 0, 40, 0, 5.0])
    assert tried(FakeRuntime(saying(SAID))) == ""


def test_sagemaker_s_own_trouble_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_test, "PAUSE_SECONDS", 0)
    troubles = iter(
        [refused("ServiceUnavailable"), refused("ThrottlingException"), None, None, None]
    )

    def answer(body: Any) -> Any:
        if trouble := next(troubles):
            raise trouble
        return saying(SAID)(body)

    assert tried(FakeRuntime(answer)) == ""
    assert "was not answered" in tried(FakeRuntime(failing(refused("ServiceUnavailable"))))


def vector(*numbers: float) -> dict[str, Any]:
    return {"data": [{"embedding": list(numbers)}]}


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([vector(1, 2), vector(2, 1), vector(0, 1)], ""),
        ([vector(1, 2), vector(1, 2), vector(1, 2)], "the same vector"),
        ([vector(1, 2), vector(2, 1), vector(1)], "different lengths"),
        ([vector(1, 2), vector(0, 0), vector(1, 3)], "zeros alone"),
        ([vector(1, 2), vector(float("nan"), 1), vector(1, 3)], "not of numbers"),
        ([vector(1, 2), {"data": []}, vector(1, 3)], "no vector"),
    ],
)
def test_vectors(vectors: list[Any], said: str) -> None:
    answers = iter(vectors)
    found = tried(FakeRuntime(lambda _: next(answers)), "embedding")
    assert found == "" if not said else said in found


def test_what_serves_is_asked_for_one_token() -> None:
    runtime = FakeRuntime(saying("a"))
    test = SmokeTest(runtime, "text--smoke", "text", "chat", [], 30)
    test.on("text", "").ask_once()
    test.on("text", "text").ask_once()
    first, second = runtime.asked
    assert first["EndpointName"] == "text" and "InferenceComponentName" not in first
    assert json.loads(first["Body"])["max_tokens"] == 1
    assert second["InferenceComponentName"] == "text"
