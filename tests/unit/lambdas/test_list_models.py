"""The models of the API, as OpenAI's clients ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.list_models import handler as function


@pytest.fixture
def get(
    make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, Any]]:
    table = make_table("releases", "endpoint_name")
    monkeypatch.setattr(function, "release_table", lambda: table)

    def get(path: str, **release: Any) -> tuple[int, Any]:
        if release:
            table.put_item(Item={"endpoint_name": "text", **release})
        event = {"httpMethod": "GET", "path": path, "headers": {}, "requestContext": {}}
        answer = function.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    return get


def test_before_the_first_release(get: Callable[..., tuple[int, Any]]) -> None:
    assert get("/v1/models", requested_model_package_arn="arn") == (
        200,
        {"object": "list", "data": []},
    )


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


@pytest.mark.parametrize("name", ["gpt-4", "meguru-text%20", "meguru-tex"])
def test_unknown_model(get: Callable[..., tuple[int, Any]], name: str) -> None:
    status, said = get(f"/v1/models/{name}", released_at=1763800000)
    assert (status, said["error"]["code"]) == (404, "model_not_found")
