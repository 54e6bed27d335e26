"""A real Valkey server, where one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.valkey_server import server_program, valkey_server


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Its address."""
    if server_program() is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with valkey_server() as address:
        yield address
