"""The template's words become a cache."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from lambdas.answer_request.cache_choice import make_caching
from lambdas.answer_request.serving import ServingVersions
from lambdas.answer_request.settings import Settings

VARIABLES = {
    "MODELS": '{"meguru-text": ["text", 128]}',
    "CONSUMER_TABLE": "consumers",
    "INFERENCE_TABLE": "inferences",
    "INFERENCE_QUEUE": "https://sqs/set-aside",
    "EMBEDDERS": '{"e5": "e5-endpoint"}',
    "INFERENCE_RETENTION_DAYS": "30",
    "LEDGER_TABLE": "ledger",
    "BILLING": '{"time_zone": "Asia/Tokyo", "currency": "JPY", "prices": {}, "budget": {}}',
    "CORS_ORIGINS": "[]",
    "ALIASES": "{}",
    "GUARD": "{}",
    "VOTE_TABLE": "votes",
    "CACHE_SECONDS": "60",
    "RELEASE_TABLE": "releases",
}


def serving(settings: Settings) -> ServingVersions:
    return ServingVersions(boto3.client("dynamodb"), settings.release_table, settings.endpoints)


def test_none(aws: None) -> None:
    settings = Settings.from_environment(VARIABLES | {"CACHE_STORE": ""})
    assert make_caching(settings, serving(settings)) is None


@pytest.mark.parametrize("store", ["dynamodb", "valkey"])
def test_what_is_kept_is_found(make_table: Any, aws_server: str, request: Any, store: str) -> None:
    make_table("releases", "endpoint_name")
    make_table("cache", "cache_key")
    address = "dynamodb://cache" if store == "dynamodb" else request.getfixturevalue("valkey")
    settings = Settings.from_environment(VARIABLES | {"CACHE_STORE": address})
    caching = make_caching(settings, serving(settings))
    assert caching and [caching.serving(name) for name in ("meguru-text", "e5")] == [None, None]
    found, lead = caching.flights.find("key-of-a-choice")
    assert found is None and lead
    caching.flights.give_up(lead)
