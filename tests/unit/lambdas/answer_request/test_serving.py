"""What serves is what the release table says, at most a moment ago."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from lambdas.answer_request.serving import (
    KNOWN_SECONDS,
    PROMPT_KNOWN_SECONDS,
    ReleasesUnreadable,
    ServingVersions,
)
from meguru.cache_key import Version
from meguru.prompt_bound import PromptBound


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def serving(make_table: Any, now: list[float]) -> ServingVersions:
    make_table("releases", "endpoint_name")
    client = boto3.client("dynamodb")
    return ServingVersions(client, "releases", {"meguru-text": "text"}, lambda: now[0])


def release(package: str, name: str, prompt_tokens: int = 0) -> None:
    row = {
        "endpoint_name": "text",
        "prompt_bound": PromptBound(prompt_tokens, 2).values(),
        "release": {"package": package, "name": name, "approved_at": "2026-11-27"},
    }
    boto3.resource("dynamodb").Table("releases").put_item(Item=row)


def test_a_release_and_a_rollback(serving: ServingVersions, now: list[float]) -> None:
    assert serving.of("meguru-text") is None
    for package, name in (("arn:p/1", "a"), ("arn:p/2", "b"), ("arn:p/1", "a")):
        release(package, name)
        now[0] += KNOWN_SECONDS
        assert serving.of("meguru-text") == Version(package, name)


def test_it_is_not_asked_for_each_time(serving: ServingVersions, now: list[float]) -> None:
    release("arn:p/1", "a")
    assert serving.of("meguru-text") == Version("arn:p/1", "a")
    release("arn:p/2", "b")
    assert serving.of("meguru-text") == Version("arn:p/1", "a")


def test_a_row_before_the_first_release(serving: ServingVersions) -> None:
    row = {"endpoint_name": "text", "approved": {"arn:p/1": {"approved_at": "x"}}}
    boto3.resource("dynamodb").Table("releases").put_item(Item=row)
    assert serving.of("meguru-text") is None
    assert serving.prompt("meguru-text") == PromptBound()


def test_what_a_prompt_may_take(serving: ServingVersions, now: list[float]) -> None:
    assert serving.prompt("meguru-text") == PromptBound()
    for num_tokens in (7, 5):
        release("arn:p/1", "a", num_tokens)
        now[0] += PROMPT_KNOWN_SECONDS
        assert serving.prompt("meguru-text") == PromptBound(num_tokens, 2)
    # A look for the version tells of the prompt, too.
    release("arn:p/1", "a", 9)
    now[0] += KNOWN_SECONDS
    assert serving.prompt("meguru-text") == PromptBound(5, 2)
    assert serving.of("meguru-text")
    assert serving.prompt("meguru-text") == PromptBound(9, 2)


def test_a_prompt_stays_known_where_the_table_is_not_there_for_a_while(
    serving: ServingVersions, now: list[float]
) -> None:
    release("arn:p/1", "a", 7)
    assert serving.prompt("meguru-text") == PromptBound(7, 2)
    boto3.client("dynamodb").delete_table(TableName="releases")
    now[0] += PROMPT_KNOWN_SECONDS
    assert serving.prompt("meguru-text") == PromptBound(7, 2)
    assert serving.of("meguru-text") is None


def test_where_the_table_cannot_be_read_nothing_is_known(aws: None) -> None:
    serving = ServingVersions(boto3.client("dynamodb"), "none", {"m": "text"})
    assert serving.of("m") is None
    with pytest.raises(ReleasesUnreadable) as refused:
        serving.prompt("m")
    assert (refused.value.status, refused.value.headers()) == (503, {"retry-after": "5"})


def test_how_long_a_start_takes(serving: ServingVersions, now: list[float]) -> None:
    assert serving.start_seconds("meguru-text") is None
    row = {"endpoint_name": "text", "start_seconds": 312}
    boto3.resource("dynamodb").Table("releases").put_item(Item=row)
    now[0] += PROMPT_KNOWN_SECONDS
    assert serving.start_seconds("meguru-text") == 312
