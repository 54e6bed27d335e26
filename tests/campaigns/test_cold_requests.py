"""One generation for all who ask at once; at length in benchmarks/cache_campaigns.py.

They take seconds: their processes have to start, and one of them has to be missed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdas.answer_request.dynamodb_store import KEY
from tests.campaigns.cold_requests import PLANTED, TABLE, ColdRequests
from tests.campaigns.one_table import one_table
from tests.valkey_server import server_program, valkey_server

needs_server = pytest.mark.skipif(
    server_program() is None, reason="neither redis-server nor valkey-server is installed"
)


@needs_server
def test_one_generation_with_valkey(tmp_path: Path) -> None:
    with (
        valkey_server() as address,
        ColdRequests(address, tmp_path, num_requests=100, seed=1) as requests,
    ):
        assert requests.trial(0) == []


def test_one_generation_with_dynamodb(tmp_path: Path) -> None:
    with (
        one_table(tmp_path, TABLE, KEY) as address,
        ColdRequests(address, tmp_path, num_requests=40, seed=1) as requests,
    ):
        assert requests.trial(0) == []


@needs_server
@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults_are_caught(tmp_path: Path, fault: str) -> None:
    with (
        valkey_server() as address,
        ColdRequests(address, tmp_path, num_requests=12, seed=1, fault=fault) as requests,
    ):
        assert requests.trial(0)
