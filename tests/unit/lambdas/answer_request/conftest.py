"""Real servers: Valkey's, where one is installed, and moto's, which speaks AWS's protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from lambdas.answer_request.signed.calls import Place
from tests.valkey_server import server_program, valkey_server


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Its address."""
    if server_program() is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with valkey_server() as address:
        yield address


@pytest.fixture
def aws_server(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of what `aws` holds, which our own clients are told of."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


def place(url: str) -> Place:
    """AWS at another address."""
    return Place(
        {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": url,
        }
    )
