"""Embeddings go the way of all requests: to their own models, within budgets, and recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.answer_request.admission import admit
from lambdas.answer_request.answer import Answer
from lambdas.answer_request.pipeline import Model, Pipeline
from meguru.api_errors import ApiError
from meguru.consumer import Consumer
from meguru.embedding_request import MAX_TOKENS_AROUND

VECTORS = json.dumps(
    {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
        "model": "as-served",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
).encode()


def asked(path: str = "/v1/embeddings", **members: Any) -> Answer:
    body = {"model": "vectors", **members}
    return Answer(admit(path, json.dumps(body).encode()), Consumer(name="key"))


@pytest.fixture
def pipeline(make_model: Any, log: Any, ledger: Any) -> Pipeline:
    model, _ = make_model(VECTORS)
    vectors: Model = replace(model, kind="embedding")
    return Pipeline(models={"vectors": vectors, "chat": model}, log=log, ledger=ledger)


def test_vectors_are_given_as_they_are_made(pipeline: Pipeline, log: Any, ledger: Any) -> None:
    answer = asked(input=["経費", [7, 8]])
    given = pipeline.complete(answer)
    assert given == json.loads(VECTORS) | {"model": "vectors"}
    assert answer.inference_id.startswith("embd-")
    (record,) = log.records
    assert [one["content"] for one in record.messages] == ["経費", "7 8"]
    assert (record.answer, record.finish_reason) == ("", "stop")
    assert (record.prompt_tokens, record.completion_tokens) == (5, 0)
    bound = 6 + 2 + 2 * MAX_TOKENS_AROUND
    assert ledger.calls == [("reserve", "key", "vectors", bound), ("settle", 5, 0)]


@pytest.mark.parametrize(
    ("path", "members", "place"),
    [
        ("/v1/embeddings", {"model": "chat", "input": "a"}, "/v1/chat/completions"),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "a"}]},
            "/v1/embeddings",
        ),
        ("/v1/completions", {"prompt": "a"}, "/v1/embeddings"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_its_path(
    pipeline: Pipeline, ledger: Any, path: str, members: dict[str, Any], place: str
) -> None:
    with pytest.raises(ApiError) as refused:
        pipeline.complete(asked(path, **members))
    error = refused.value
    assert (error.status, error.param, error.code) == (400, "model", "model_not_supported")
    assert f"asked at {place}" in error.message
    assert ledger.calls == []
