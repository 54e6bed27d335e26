"""The cache that the template chooses: DynamoDB's, Valkey's, or none."""

from __future__ import annotations

from lambdas.answer_request.cache_store import CacheStore
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.dynamodb_store import CLIENT, DynamoDbStore
from lambdas.answer_request.serving import ServingVersions
from lambdas.answer_request.settings import Settings
from lambdas.answer_request.signed.clients import DynamoDb
from lambdas.answer_request.single_flight import SingleFlight
from lambdas.answer_request.valkey_connection import ValkeyConnections
from lambdas.answer_request.valkey_store import ValkeyStore

# What a table's name stands behind; anything else is a server's address.
TABLE = "dynamodb://"


def make_caching(settings: Settings, serving: ServingVersions) -> Caching | None:
    """None where there is none."""
    if not settings.cache.store:
        return None
    flights = SingleFlight(_store(settings.cache.store), settings.cache.seconds)
    return Caching(flights, serving.of)


def _store(address: str) -> CacheStore:
    if address.startswith(TABLE):
        return DynamoDbStore(DynamoDb(CLIENT), address.removeprefix(TABLE))
    return ValkeyStore(ValkeyConnections(address))
