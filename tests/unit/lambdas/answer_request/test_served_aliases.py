"""Aliases over real HTTP: who answers, who does where the first can't, and two side by side."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.answer_request.pipeline import Model, Pipeline
from lambdas.answer_request.server import RequestServer
from meguru.alias import Alias
from meguru.consumer import Consumer

CONTEXT = {"x-amzn-request-context": json.dumps({"identity": {"apiKeyId": "any"}})}
PATH = "/v1/chat/completions"
ALIASES = {
    "fast": Alias(name="fast", weights={"m": 3, "n": 1}),
    "search": Alias(name="search", weights={"v": 1}),
    "compare": Alias(name="compare", between=("m", "n")),
}
AWAY = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "InvokeEndpoint")


class FakeConsumers:
    """Keys of consumers that may use what they are called after, or everything."""

    def of_key(self, key_id: str) -> Consumer:
        models = None if key_id == "any" else frozenset({key_id})
        return Consumer(name=key_id, models=models)


class Client:
    """A caller of an API with two models."""

    def __init__(self, server: RequestServer, asked: dict[str, list[Any]]) -> None:
        self._connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)  # type: ignore[arg-type]
        self.asked = asked

    def ask(
        self, text: str = "元気?", model: str = "fast", key: str = "any", **members: Any
    ) -> tuple[http.client.HTTPResponse, str]:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
        context = {"x-amzn-request-context": json.dumps({"identity": {"apiKeyId": key}})}
        self._connection.request("POST", PATH, json.dumps(body), context)
        response = self._connection.getresponse()
        return response, response.read().decode()


@pytest.fixture
def serve(
    make_model: Any, log: Any, ledger: Any, completion: bytes
) -> Iterator[Callable[..., Client]]:
    servers: list[RequestServer] = []

    def serve(is_stream: bool = False, **errors: Exception) -> Client:
        parts = [] if is_stream else [completion]
        models: dict[str, Model] = {}
        asked = {}
        for name in "mn":
            models[name], runtime = make_model(*parts, error=errors.get(name))
            asked[name] = runtime.asked
        models["v"] = Model(models["m"].endpoint, 0, kind="embedding")
        pipeline = Pipeline(models=models, aliases=ALIASES, log=log, ledger=ledger)
        servers.append(RequestServer(("127.0.0.1", 0), pipeline, FakeConsumers()))
        poll = {"poll_interval": 0.01}
        threading.Thread(target=servers[-1].serve_forever, kwargs=poll, daemon=True).start()
        return Client(servers[-1], asked)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_answer_says_who_gave_it(serve: Callable[..., Client], log: Any) -> None:
    client = serve()
    response, content = client.ask()
    said = json.loads(content)
    assert said["model"] == response.headers["x-model"] == log.records[0].model
    assert said["model"] in ("m", "n")
    assert log.records[0].alias == "fast"
    # What is asked by its name needs no word of it.
    response, content = client.ask(model="m")
    assert json.loads(content)["model"] == "m" and response.headers["x-model"] is None
    assert log.records[1].alias == ""


def test_the_model_that_answers_is_asked_and_paid(
    serve: Callable[..., Client], ledger: Any
) -> None:
    client = serve()
    said = json.loads(client.ask()[1])
    [asked] = client.asked[said["model"]]
    assert asked["model"] == said["model"] == ledger.calls[0][2]


def test_models_are_drawn_by_weight_and_kept_in_a_conversation(
    serve: Callable[..., Client], log: Any
) -> None:
    client = serve()
    for number in range(60):
        client.ask(f"question {number}")
    drawn = Counter(one.model for one in log.records)
    assert 30 <= drawn["m"] <= 57
    log.records.clear()
    begun = [{"role": "user", "content": "question 7"}]
    for further in ([], [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]):
        client.ask(messages=begun + further)
    assert len({one.model for one in log.records}) == 1


@pytest.mark.parametrize("member", ["user", "safety_identifier"])
def test_a_person_keeps_a_model(serve: Callable[..., Client], log: Any, member: str) -> None:
    client = serve()
    for number in range(8):
        client.ask(f"question {number}", **{member: "somebody"})
    assert len({one.model for one in log.records}) == 1


@pytest.mark.parametrize("is_stream", [False, True])
def test_another_answers_where_the_first_can_t(
    serve: Callable[..., Client], log: Any, is_stream: bool
) -> None:
    client = serve(is_stream, m=AWAY)
    for number in range(6):
        response, _ = client.ask(f"question {number}", stream=is_stream)
        assert (response.status, response.headers["x-model"]) == (200, "n")
    # Each try is told.
    assert Counter(one.finish_reason for one in log.records)["error"] > 0
    assert len({one.inference_id for one in log.records}) == len(log.records)


def test_where_none_can_the_refusal_says_when(serve: Callable[..., Client], log: Any) -> None:
    response, content = serve(m=AWAY, n=AWAY).ask()
    assert (response.status, json.loads(content)["error"]["code"]) == (503, "model_not_ready")
    assert response.headers["retry-after"] == "10"
    assert {one.model for one in log.records} == {"m", "n"}


def test_what_may_have_been_done_is_asked_of_nobody_else(
    serve: Callable[..., Client], log: Any
) -> None:
    late = ReadTimeoutError(endpoint_url="x")
    response, _ = serve(m=late, n=late).ask()
    assert response.status == 504
    assert len(log.records) == 1


def test_who_may_use_an_alias_needs_none_of_its_models(serve: Callable[..., Client]) -> None:
    client = serve()
    assert client.ask(key="fast")[0].status == 200
    for model in ("m", "n", "compare"):
        response, content = client.ask(model=model, key="fast")
        error = json.loads(content)["error"]
        assert (response.status, error["code"]) == (403, "model_not_allowed")
        assert "whose models are: 'fast'" in error["message"]
    assert client.ask(key="m")[0].status == 403


def test_an_alias_has_the_kind_of_its_models(serve: Callable[..., Client]) -> None:
    response, content = serve().ask(model="search")
    error = json.loads(content)["error"]
    assert (response.status, error["code"]) == (400, "model_not_supported")
    assert "'search' is of kind embedding" in error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_two_side_by_side(serve: Callable[..., Client], log: Any, stream: bool) -> None:
    # Engines are always asked for a stream.
    response, content = serve(True).ask(model="compare", stream=stream)
    assert response.status == 200
    assert response.headers["x-inference-id"] == log.records[0].comparison_id
    if stream:
        *events, end = content.removesuffix("\n\n").split("\n\n")
        assert end == "data: [DONE]"
        said = [json.loads(one[5:]) for one in events]
        assert {one["choices"][0]["index"] for one in said} == {0, 1}
    else:
        found = [one["message"]["content"] for one in json.loads(content)["choices"]]
        assert found == ["はい", "はい"]


def test_a_refusal_of_one_names_neither(serve: Callable[..., Client]) -> None:
    response, content = serve(True, n=AWAY).ask(model="compare")
    assert response.status == 503
    assert response.headers["x-model"] is None
    assert "'n'" not in content and "'m'" not in content
