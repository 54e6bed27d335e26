"""AWS in this process, and what the functions are told by their template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.loaders import Loader
from moto import mock_aws

from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.pipeline import Model, Pipeline
from meguru.consumer import Consumer
from meguru.ledger import Reservation
from meguru.ledger_book import Book, Opened
from meguru.quota import Rates
from tests.dynamodb_table import table_of

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "LAKE_BUCKET": "lake",
    "CONSUMER_TABLE": "consumers",
    "INFERENCE_TABLE": "inferences",
    "INFERENCE_QUEUE": "https://sqs/set-aside",
    "INFERENCE_STREAM": "stream",
    "TIME_ZONE": "Asia/Tokyo",
    "FEEDBACK_TABLE": "feedback",
    "VOTE_TABLE": "votes",
    "IDEMPOTENCY_TABLE": "idempotency",
    "RELEASE_TABLE": "releases",
    "PENDING_INDEX": "pending",
    "ENDPOINT_NAME": "text",
    "ENDPOINTS": '{"meguru-text": "text", "other": "other-text"}',
    "LOG_GROUPS": '{"meguru-text": "/aws/sagemaker/Endpoints/text"}',
    "MODELS": '{"meguru-text": ["text", 128], "other": ["other-text", 96]}',
    "EMBEDDERS": '{"vectors": "vectors"}',
    "ENVIRONMENT_NAME": "poc",
    "CORS_ORIGINS": '["https://chat.example.co.jp"]',
    "DATASET": "text",
    "TRAINING_CODE": "",
    "LEDGER_TABLE": "ledger",
    "BILLING": (
        '{"time_zone":"Asia/Tokyo","currency":"JPY","prices":{"chat":["30","90","3"]},'
        '"budget":{"per_month":100000,"tokens_per_month":10000,"stops":true}}'
    ),
    "LOOKS_QUEUE": "https://sqs/looks",
    "FEEDBACK_BEFORE_RETRAINING": (
        '{"correction": {"meguru-text": 3, "other": 5}, "vote": {"meguru-text": 2, "other": null}}'
    ),
    "MINIMUM_METRICS": '{"exact_match": 0.5}',
    "MAXIMUM_METRIC_DROPS": '{"exact_match": 0.1}',
}


@pytest.fixture(scope="session")
def service_models() -> Loader:
    """AWS's service models, read once: that takes longer than all the rest of a test."""
    loader: Loader = botocore.session.Session().get_component("data_loader")
    return loader


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, service_models: Loader) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.session.create_loader", lambda search_path: service_models)
    with mock_aws():
        boto3.setup_default_session()
        boto3.client("s3").create_bucket(Bucket="lake")
        yield


@pytest.fixture
def make_table(aws: None) -> Callable[..., Any]:
    def make(name: str, key: str, index: str | None = None) -> Any:
        """A table by its name and key; `index` is an attribute to find items by."""
        return boto3.resource("dynamodb").create_table(**table_of(name, key, index))

    return make


@pytest.fixture
def make_consumers(make_table: Callable[..., Any]) -> Callable[..., Any]:
    def make(**settings: dict[str, Any]) -> Any:
        """The consumers' table, with consumers by their names; the key of `app` is `key-app`."""
        table = make_table("consumers", "consumer")
        for name, values in settings.items():
            table.put_item(Item={"consumer": name, "key_ids": [f"key-{name}"], **values})
            table.put_item(Item={"consumer": f"KEY#key-{name}", "name": name})
        return table

    return make


class FakeBody:
    """A response's event stream; an exception among the parts is raised in its turn."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts, self.closed = parts, False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield {"PayloadPart": {"Bytes": part}}

    def read(self) -> bytes:
        content: bytes = self._parts[0]
        return content

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """SageMaker's runtime: answers with what it is given, and keeps what it was asked."""

    def __init__(
        self, *parts: Any, error: Exception | None = None, attributes: str | None = None
    ) -> None:
        self.body, self.error, self.attributes = FakeBody(list(parts)), error, attributes
        self.asked: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.requests.append(request)
        self.asked.append(json.loads(request["Body"]))
        attributes = {} if self.attributes is None else {"CustomAttributes": self.attributes}
        return {"Body": self.body, **attributes}

    invoke_endpoint_with_response_stream = invoke_endpoint


class FakeLog:
    """Keeps the records; `error` is what the table says instead."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.error: Exception | None = None

    def write(self, inference: Any, policy: str) -> None:
        assert policy == "full"
        if self.error:
            raise self.error
        self.records.append(inference)


def chunk(text: str | None = None, **more: Any) -> bytes:
    choices = (
        []
        if text is None
        else [{"delta": {"content": text}, "finish_reason": more.pop("end", None)}]
    )
    said = {"id": "m", "model": "m", "choices": choices}
    return b"data: " + json.dumps(said | more).encode() + b"\n\n"


STREAM = (
    chunk("は", usage={"prompt_tokens": 4, "completion_tokens": 1}),
    chunk("い", end="stop", usage={"prompt_tokens": 4, "completion_tokens": 2}),
    chunk(usage={"prompt_tokens": 4, "completion_tokens": 2}),
    b"data: [DONE]\n\n",
)
COMPLETION = json.dumps(
    {
        "id": "m",
        "model": "m",
        "choices": [{"message": {"content": "はい"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
).encode()


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def make_model() -> Callable[..., tuple[Model, FakeRuntime]]:
    """A model that answers with these parts, 128 tokens long, and its runtime."""

    def make(*parts: Any, **options: Any) -> tuple[Model, FakeRuntime]:
        runtime = FakeRuntime(*(parts or STREAM), **options)
        return Model(TextEndpoint(runtime, "text"), 128), runtime

    return make


@pytest.fixture
def make_pipeline(make_model: Any, log: FakeLog) -> Callable[..., tuple[Pipeline, FakeRuntime]]:
    """A pipeline of one model, `meguru-text`, with the `ports` beside the log."""

    def make(
        *parts: Any, ports: dict[str, Any] | None = None, **options: Any
    ) -> tuple[Pipeline, FakeRuntime]:
        model, runtime = make_model(*parts, **options)
        return Pipeline(models={"meguru-text": model}, log=log, **(ports or {})), runtime

    return make


@pytest.fixture
def completion() -> bytes:
    return COMPLETION


@pytest.fixture
def stream_parts() -> tuple[bytes, ...]:
    return STREAM


class FakeLedger:
    """Keeps what it was asked, in order; `error` is its refusal."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.book = Book("consumer#c#2026-11")

    def read(self, key: str) -> Book:
        self.calls.append(("read", key))
        return self.book

    def reserve(
        self, reservation_id: str, caller: Consumer, tokens: int, model: str, booked_as: str = ""
    ) -> Reservation:
        if self.error:
            raise self.error
        self.calls.append(("reserve", caller.name, booked_as or model, tokens))
        opened = Opened(reservation_id, 0, tokens, 0, "27", 0, model, booked_as)
        return Reservation("consumer#c#2026-11", opened, Rates(13, requests=60, requests_left=59))

    def settle(self, reservation: Reservation, prompt_tokens: int, completion_tokens: int) -> bool:
        self.calls.append(("settle", prompt_tokens, completion_tokens))
        return True

    def charge_cached(self, caller: Consumer, tokens: int, model: str) -> Rates:
        self.calls.append(("cached", caller.name, model, tokens))
        return Rates(13, requests=60, requests_left=58)


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()
