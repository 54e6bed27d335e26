"""Valkey's protocol, against a real server and against what is none."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from lambdas.answer_request import valkey_connection
from lambdas.answer_request.cache_store import StoreUnavailable
from lambdas.answer_request.valkey_connection import RefusedCommand, ValkeyConnections
from tests.valkey_server import valkey_server


def test_replies_of_every_kind(valkey: str) -> None:
    server = ValkeyConnections(valkey)
    assert server.ask("SET", "text", "はい") == b"OK"
    assert server.ask("GET", "text") == "はい".encode()
    assert server.ask("GET", "nothing") is None
    assert server.ask("STRLEN", "text") == 6
    assert server.ask("MGET", "text", "nothing") == ["はい".encode(), None]
    assert server.ask("LRANGE", "nothing", "0", "-1") == []
    long = "字" * 200_000
    server.ask("SET", "long", long)
    assert server.ask("GET", "long") == long.encode()


def test_a_refusal_costs_no_connection(valkey: str) -> None:
    server = ValkeyConnections(valkey)
    with pytest.raises(RefusedCommand, match="unknown command"):
        server.ask("NONSENSE")
    number = server.ask("CLIENT", "ID")
    assert server.ask("CLIENT", "ID") == number


def test_a_connection_that_was_closed_is_made_anew(valkey: str) -> None:
    server = ValkeyConnections(valkey)
    number = server.ask("CLIENT", "ID")
    ValkeyConnections(valkey).ask("CLIENT", "KILL", "ID", str(number))
    assert server.ask("CLIENT", "ID") != number


def test_no_server() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreUnavailable, match=str(port)):
        ValkeyConnections(f"redis://127.0.0.1:{port}").ask("PING")


@pytest.mark.parametrize("said", [b"HTTP/1.1 400\r\n", b"$10\r\nshort", b"", b":one\r\n"])
def test_what_is_no_reply(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(StoreUnavailable):
            ValkeyConnections(f"redis://127.0.0.1:{listening.getsockname()[1]}").ask("PING")
        thread.join()


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_connection, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"redis://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match="timed out"):
            ValkeyConnections(address).ask("PING")


def test_encrypted_and_only_with_a_certificate_that_holds(
    valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", str(key), "-out", str(certificate), "-nodes", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *made, *subject], check=True, capture_output=True
    )
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    options = ["--tls-port", str(port), *files, "--tls-auth-clients", "no"]
    with valkey_server(*options):
        server = ValkeyConnections(f"rediss://127.0.0.1:{port}")
        with pytest.raises(StoreUnavailable, match="certificate"):
            server.ask("PING")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ssl.create_default_context().get_ca_certs()
        assert server.ask("PING") == b"PONG"
