"""The models of the API, as OpenAI's clients ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.list_models import handler as function
from meguru.consumer_directory import ConsumerDirectory


@pytest.fixture
def get(
    make_table: Callable[..., Any],
    make_consumers: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, Any]]:
    table = make_table("releases", "endpoint_name")
    directory = ConsumerDirectory(make_consumers(all={}, one={"models": ["other"]}))
    monkeypatch.setattr(function, "release_table", lambda: table)
    monkeypatch.setattr(function, "consumers", lambda: directory)

    def get(path: str, consumer: str = "all", **release: Any) -> tuple[int, Any]:
        if release:
            table.put_item(Item={"endpoint_name": "text", **release})
        identity = {"apiKeyId": f"key-{consumer}"}
        context = {"requestId": "request-1", "identity": identity}
        event = {"httpMethod": "GET", "path": path, "headers": {}, "requestContext": context}
        answer = function.handler(event, None)
        assert answer["multiValueHeaders"]["x-request-id"] == ["request-1"]
        return answer["statusCode"], json.loads(answer["body"])

    return get


def test_before_the_first_release(get: Callable[..., tuple[int, Any]]) -> None:
    assert get("/v1/models", requested_model_package_arn="arn") == (
        200,
        {"object": "list", "data": []},
    )


def test_models_are_listed_side_by_side(get: Callable[..., tuple[int, Any]]) -> None:
    get("/v1/models", released_at=1763800000)
    _, said = get("/v1/models", endpoint_name="other-text", released_at=1763900000)
    assert [model["id"] for model in said["data"]] == ["meguru-text", "other"]
    assert get("/v1/models/other")[1]["created"] == 1763900000


def test_a_model_without_a_release_is_not_listed(get: Callable[..., tuple[int, Any]]) -> None:
    _, said = get("/v1/models", released_at=1763800000)
    assert [model["id"] for model in said["data"]] == ["meguru-text"]
    status, said = get("/v1/models/other")
    assert (status, said["error"]["code"]) == (404, "model_not_found")


def test_released(get: Callable[..., tuple[int, Any]]) -> None:
    status, said = get("/v1/models", released_at=1763800000)
    model = {
        "id": "meguru-text",
        "object": "model",
        "created": 1763800000,
        "owned_by": "meguru",
    }
    assert (status, said["data"]) == (200, [model])
    assert get("/v1/models/meguru-text") == (200, model)
    assert get("/v1/models/meguru%2Dtext") == (200, model)


@pytest.mark.parametrize("name", ["gpt-4", "meguru-text%20", "meguru-tex", "x" * 9000])
def test_unknown_model(get: Callable[..., tuple[int, Any]], name: str) -> None:
    status, said = get(f"/v1/models/{name}", released_at=1763800000)
    assert (status, said["error"]["code"]) == (404, "model_not_found")
    assert len(said["error"]["message"]) < 200
    assert "this API serves 'meguru-text', 'other'" in said["error"]["message"]


def test_a_consumer_sees_the_models_that_it_may_use(get: Callable[..., tuple[int, Any]]) -> None:
    get("/v1/models", released_at=1763800000)
    get("/v1/models", endpoint_name="other-text", released_at=1763900000)
    _, said = get("/v1/models", "one")
    assert [model["id"] for model in said["data"]] == ["other"]
    assert get("/v1/models/other", "one")[0] == 200
    status, said = get("/v1/models/meguru-text", "one")
    assert (status, said["error"]["code"]) == (403, "model_not_allowed")
    status, said = get("/v1/models/gpt-4", "one")
    assert (status, said["error"]["code"]) == (404, "model_not_found")
    assert "meguru-text" not in said["error"]["message"]


def test_a_key_of_nobody_is_refused(get: Callable[..., tuple[int, Any]]) -> None:
    for path in ("/v1/models", "/v1/models/other"):
        status, said = get(path, "nobody")
        assert (status, said["error"]["code"]) == (403, "invalid_api_key")


def test_unknown_model_is_named_as_it_was_meant(get: Callable[..., tuple[int, Any]]) -> None:
    _, said = get("/v1/models/%E6%97%A5%E6%9C%AC", released_at=1763800000)
    assert "'日本'" in said["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/%6dodels", '/v1/models/a"b', "/v1/models/a/b"])
def test_path_that_no_route_knows(get: Callable[..., tuple[int, Any]], path: str) -> None:
    status, said = get(path)
    assert (status, said["error"]["code"]) == (404, "unknown_url")


def test_pages_that_are_named_may_read(get: Callable[..., tuple[int, Any]]) -> None:
    context = {"requestId": "request-1", "identity": {"apiKeyId": "key-all"}}
    event = {"httpMethod": "GET", "path": "/v1/models", "requestContext": context}
    origins = {}
    for origin in ("https://chat.example.co.jp", "https://elsewhere.example"):
        answer = function.handler({**event, "headers": {"Origin": origin}}, None)
        origins[origin] = answer["multiValueHeaders"].get("access-control-allow-origin")
    assert origins == {
        "https://chat.example.co.jp": ["https://chat.example.co.jp"],
        "https://elsewhere.example": None,
    }


def test_the_api_is_described_to_whoever_has_a_key(get: Callable[..., tuple[int, Any]]) -> None:
    status, said = get("/v1/openapi.json")
    assert (status, said) == (200, json.loads(function.DOCUMENT.read_text()))
    status, said = get("/v1/openapi.json", "nobody")
    assert (status, said["error"]["code"]) == (403, "invalid_api_key")
