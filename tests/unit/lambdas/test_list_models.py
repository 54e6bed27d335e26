"""The models of the API, as OpenAI's clients ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.list_models import handler as function
from lambdas.list_models.scorecards import Scorecards
from meguru.alias import Alias
from meguru.consumer_directory import ConsumerDirectory

ALIASES = {
    "fast": Alias(name="fast", weights={"meguru-text": 9, "other": 1}),
    "compare": Alias(name="compare", between=("meguru-text", "other")),
}
COUNTED: dict[str, dict[str, Any]] = {
    "scorecard#other": {
        "all/wins": 3,
        "all/losses": 1,
        "all/ties": 2,
        "opponent/meguru-text/wins": 2,
        "opponent/gone/wins": 1,
        "opponent/gone/losses": 1,
        "topic/japanese/wins": 1,
    },
    "scorecard#other#all": {"topic/経費/wins": 2, "topics": {"経費"}},
    "scorecard#other#one": {"topic/secret/losses": 1, "topics": {"secret"}},
}


@pytest.fixture
def get(
    make_table: Callable[..., Any],
    make_consumers: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, Any]]:
    table, votes = make_table("releases", "endpoint_name"), make_table("votes", "name")
    for name, counted in COUNTED.items():
        votes.put_item(Item={"name": name, **counted})
    directory = ConsumerDirectory(
        make_consumers(all={}, one={"models": ["other"]}, blind={"models": ["compare"]})
    )
    monkeypatch.setattr(function, "release_table", lambda: table)
    monkeypatch.setattr(function, "consumers", lambda: directory)
    monkeypatch.setattr(function, "aliases", lambda: ALIASES)
    monkeypatch.setattr(function, "scorecards", lambda: Scorecards(votes))

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
    assert [model["id"] for model in said["data"]] == ["meguru-text", "other", "fast", "compare"]
    assert get("/v1/models/other")[1]["created"] == 1763900000


def test_a_model_without_a_release_is_not_listed(get: Callable[..., tuple[int, Any]]) -> None:
    _, said = get("/v1/models", released_at=1763800000)
    # One that is drawn by weight is there as soon as one model of it is.
    assert [model["id"] for model in said["data"]] == ["meguru-text", "fast"]
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
    assert (status, said["data"]) == (200, [model, {**model, "id": "fast"}])
    assert get("/v1/models/meguru-text") == (200, model)
    assert get("/v1/models/meguru%2Dtext") == (200, model)


@pytest.mark.parametrize("name", ["gpt-4", "meguru-text%20", "meguru-tex", "x" * 9000])
def test_unknown_model(get: Callable[..., tuple[int, Any]], name: str) -> None:
    status, said = get(f"/v1/models/{name}", released_at=1763800000)
    assert (status, said["error"]["code"]) == (404, "model_not_found")
    assert len(said["error"]["message"]) < 220
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


def test_an_alias_is_as_new_as_its_newest_model(get: Callable[..., tuple[int, Any]]) -> None:
    get("/v1/models", released_at=1763800000)
    assert get("/v1/models/compare")[0] == 404
    get("/v1/models", endpoint_name="other-text", released_at=1763900000)
    for alias in ALIASES:
        assert get(f"/v1/models/{alias}")[1]["created"] == 1763900000


def test_who_may_compare_is_shown_that_alone(get: Callable[..., tuple[int, Any]]) -> None:
    get("/v1/models", released_at=1763800000)
    _, said = get("/v1/models", "blind", endpoint_name="other-text", released_at=1763900000)
    assert [model["id"] for model in said["data"]] == ["compare"]


def test_a_scorecard(get: Callable[..., tuple[int, Any]]) -> None:
    status, said = get("/v1/models/other/scorecard")
    assert (status, said["object"], said["model"]) == (200, "model.scorecard", "other")
    assert (said["votes"], said["wins"], said["losses"], said["ties"]) == (6, 3, 1, 2)
    assert (said["win_rate"], said["low"], said["high"]) == (0.75, 0.3006, 0.9544)
    # Models that are no more are nobody's to see.
    assert [(one["model"], one["wins"]) for one in said["opponents"]] == [("meguru-text", 2)]
    topics = [(one["topic"], one["source"], one["wins"]) for one in said["topics"]]
    assert topics == [("japanese", "rule", 1), ("経費", "metadata", 2)]


def test_a_scorecard_without_a_vote(get: Callable[..., tuple[int, Any]]) -> None:
    _, said = get("/v1/models/meguru-text/scorecard")
    assert (said["votes"], said["win_rate"], said["opponents"], said["topics"]) == (0, None, [], [])


def test_a_scorecard_is_for_who_may_be_answered_by_its_model(
    get: Callable[..., tuple[int, Any]],
) -> None:
    _, said = get("/v1/models/other/scorecard", "one")
    assert said["opponents"] == []
    assert [one["topic"] for one in said["topics"]] == ["japanese", "secret"]
    status, said = get("/v1/models/meguru-text/scorecard", "one")
    assert (status, said["error"]["code"]) == (403, "model_not_allowed")
    # Whose models are known after each vote.
    for model in ("other", "meguru-text"):
        assert get(f"/v1/models/{model}/scorecard", "blind")[0] == 200


@pytest.mark.parametrize("name", ["compare", "gone", "x" * 9000])
def test_what_has_no_scorecard(get: Callable[..., tuple[int, Any]], name: str) -> None:
    status, said = get(f"/v1/models/{name}/scorecard")
    assert (status, said["error"]["code"]) == (404, "model_not_found")


def test_a_scorecard_is_nobody_s_without_a_key(get: Callable[..., tuple[int, Any]]) -> None:
    assert get("/v1/models/other/scorecard", "nobody")[0] == 403
