"""Campaigns on the response cache at length: answers that could cross, leaders that are killed."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from benchmarks.campaigns import count_failures
from benchmarks.measuring import campaign_row, keep_rows
from lambdas.answer_request.dynamodb_store import KEY
from lambdas.answer_request.valkey_connection import ValkeyConnections
from lambdas.answer_request.valkey_store import ValkeyStore
from tests.campaigns import cache_pairs, cold_requests
from tests.campaigns.cache_pairs import CachePairs
from tests.campaigns.cold_requests import TABLE, ColdRequests
from tests.campaigns.one_table import one_table
from tests.valkey_server import valkey_server

NUM_PAIRS, NUM_UNTIL_CAUGHT = 10_000, 500
NUM_REQUESTS, NUM_ROUNDS = 500, 10
# The local cloud answers fewer a second than DynamoDB does.
NUM_REQUESTS_LOCAL, NUM_ROUNDS_LOCAL = 100, 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        local = one_table(Path(folder), TABLE, KEY)
        rows = [
            pairs(),
            cold(Path(folder), "Valkey", valkey_server(), NUM_REQUESTS, NUM_ROUNDS),
            cold(Path(folder), "the local DynamoDB", local, NUM_REQUESTS_LOCAL, NUM_ROUNDS_LOCAL),
        ]
    keep_rows("cache_campaigns", rows)


def pairs() -> dict[str, Any]:
    """Two requests that differ in one thing; what is kept of one is looked for by the other."""
    with valkey_server() as address:
        store = ValkeyStore(ValkeyConnections(address))
        trials = CachePairs(store, seed=1)
        failures = sum(bool(trials.trial(number)) for number in range(NUM_PAIRS))
        caught = []
        for seed, key in enumerate(cache_pairs.PLANTED.values(), start=2):
            planted = CachePairs(store, seed, key)
            # What is random differs, and the number is part of each question.
            numbers = range(seed * NUM_PAIRS, seed * NUM_PAIRS + NUM_UNTIL_CAUGHT)
            caught.append(any(planted.trial(number) for number in numbers))
    name = "pairs that differ in consumer, version or one parameter"
    return campaign_row(name, NUM_PAIRS, failures, all(caught))


def cold(
    folder: Path, name: str, server: AbstractContextManager[str], num_requests: int, rounds: int
) -> dict[str, Any]:
    """The same cold request from four processes, while the first to be asked is killed."""
    with (
        server as address,
        ColdRequests(address, folder, num_requests=num_requests, seed=1) as trials,
    ):
        failures = count_failures(trials.trial, rounds)
    what = f"{num_requests} identical cold requests over {name}, their leader killed"
    return campaign_row(what, rounds, failures, are_faults_caught(folder))


def are_faults_caught(folder: Path) -> bool:
    caught = []
    for fault in cold_requests.PLANTED:
        with (
            valkey_server() as address,
            ColdRequests(address, folder, num_requests=12, seed=1, fault=fault) as trials,
        ):
            caught.append(bool(trials.trial(0)))
    return all(caught)


if __name__ == "__main__":
    main()
