"""A consumer's life by the command: its key shown once, changed, and ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner, Result

from cli.main import app
from tests.e2e.loop_cloud import CONSUMER, MODEL, NAME, LoopCloud

Meguru = Callable[..., Result]


@pytest.fixture
def meguru(cloud: LoopCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meguru:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEGURU_API_KEY", raising=False)
    where = ("--environment-name", NAME, "--endpoint-url", cloud.endpoint_url)
    return lambda *words: CliRunner().invoke(app, [*words, *where])


def call(cloud: LoopCloud, key: str, path: str = "models", body: Any = None) -> requests.Response:
    return requests.request(
        "POST" if body else "GET",
        f"{cloud.outputs['ApiBase']}/{path}",
        json=body,
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
    )


def key_of(result: Result) -> str:
    """The key alone is in the output, and what is said of it beside."""
    assert result.exit_code == 0, result.output
    assert "shown once" in result.stderr
    return result.stdout.strip()


def test_a_consumer_keeps_its_answers_while_its_keys_change(
    cloud: LoopCloud, meguru: Meguru
) -> None:
    first = key_of(meguru("consumer", "add", "life"))
    question = [{"role": "user", "content": "締切は?"}]
    body = {"model": MODEL, "messages": question, "max_tokens": 4}
    answered = call(cloud, first, "chat/completions", body)
    assert answered.status_code == 200, answered.text
    second = key_of(meguru("consumer", "rotate", "life"))
    said = {"inference_id": answered.json()["id"], "rating": "up"}
    assert call(cloud, second, "feedback", said).status_code == 200
    [kept] = [i for i in cloud.items("Feedback") if i["inference_id"]["S"] == said["inference_id"]]
    assert kept["consumer"]["S"] == "life"

    assert meguru("consumer", "rotate", "life", "--finish").exit_code == 0
    assert (call(cloud, first).status_code, call(cloud, second).status_code) == (403, 200)
    assert meguru("consumer", "revoke", "life").exit_code == 0
    refused = call(cloud, second)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "invalid_api_key")
    assert "was revoked" in meguru("consumer", "add", "life").output


def test_limits_are_the_consumer_s_own(cloud: LoopCloud, meguru: Meguru) -> None:
    key = key_of(meguru("consumer", "add", "narrow", "--model", MODEL))
    assert [one["id"] for one in call(cloud, key).json()["data"]] == [MODEL]
    refused = meguru("consumer", "add", "nobody", "--model", "gpt")
    assert refused.exit_code == 1
    assert "the models here are" in refused.output


def test_the_list_says_who_there_is(cloud: LoopCloud, meguru: Meguru) -> None:
    key_of(meguru("consumer", "add", "listed", "--tokens-per-day", "5", "--log", "summary"))
    found = {
        one["consumer"]: one for one in json.loads(meguru("consumer", "list", "--json").stdout)
    }
    assert found[CONSUMER]["declared"] and found[CONSUMER]["keys"] == 1
    assert (found["listed"]["tokens_per_day"], found["listed"]["log"]) == (5, "summary")
    assert not found["listed"]["declared"]
    assert "listed" in meguru("consumer", "list").stdout


def test_who_asks_without_a_key_is_told_what_to_do(cloud: LoopCloud, meguru: Meguru) -> None:
    result = meguru("ask", "締切は?")
    assert result.exit_code == 1
    assert "MEGURU_API_KEY" in result.output
