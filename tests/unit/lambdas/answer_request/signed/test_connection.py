"""Connections to a server that speaks byte by byte what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from lambdas.answer_request.signed.connection import Broken, ConnectError, Host


class Scripted:
    """Answers each request of a connection with the next of `answers`; None: it hangs up."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.answers: list[bytes | None] = []
        self.received: list[bytes] = []
        self.num_connections = 0
        self.hung_up = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.num_connections += 1
            with connection:
                self._serve(connection)
            self.hung_up.set()

    def _serve(self, connection: socket.socket) -> None:
        while self.answers and (request := connection.recv(65536)):
            self.received.append(request)
            answer = self.answers.pop(0)
            if answer is None:
                return
            connection.sendall(answer)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello"
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = IN_CHUNKS + b"3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\nhello"


def ask(host: Host) -> bytes:
    return host.post("/a b", {"host": host.name}, b"body").read()


def test_one_connection_has_many_requests(server: Scripted) -> None:
    server.answers = [SIZED, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED, SIZED]
    host = Host(server.url, 1, 1)
    assert [ask(host) for _ in range(3)] == [b"hello"] * 3
    response = host.post("/", {"host": host.name}, b"")
    assert (response.status, response.headers["x-a"], response.read()) == (200, "b", b"hello")
    assert server.num_connections == 1
    assert server.received[0].startswith(b"POST /a%20b HTTP/1.1\r\nhost: 127.0.0.1:")
    assert server.received[0].endswith(b"content-length: 4\r\n\r\nbody")


@pytest.mark.parametrize(
    "last",
    [
        UNTIL_CLOSED,
        SIZED.replace(b"X-A:  b", b"Connection: close"),
        SIZED.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_a_connection_that_ends_is_not_used_again(server: Scripted, last: bytes) -> None:
    server.answers = [last]
    host = Host(server.url, 1, 1)
    assert ask(host) == b"hello" and not host.idle


def test_who_hung_up_meanwhile_is_not_asked(server: Scripted) -> None:
    server.answers = [SIZED]
    host = Host(server.url, 1, 1)
    assert ask(host) == b"hello"
    assert server.hung_up.wait(1)
    server.answers = [SIZED]
    assert ask(host) == b"hello"
    assert server.num_connections == 2


def test_a_stream_left_in_the_middle_ends_its_connection(server: Scripted) -> None:
    server.answers = [IN_CHUNKS + b"3\r\nhel\r\n", SIZED]
    host = Host(server.url, 1, 1)
    response = host.post("/", {"host": host.name}, b"")
    assert next(iter(response.pieces())) == b"hel"
    response.close()
    assert server.hung_up.wait(1) and not host.idle


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        IN_CHUNKS + b"zz\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_breaks_off_is_no_answer(server: Scripted, answer: bytes | None) -> None:
    server.answers = [answer]
    host = Host(server.url, 1, 1)
    with pytest.raises((Broken, ConnectionError)):
        ask(host)
    assert not host.idle


def test_silence_is_waited_for_no_longer_than_said(server: Scripted) -> None:
    server.answers = [b"", b""]
    with pytest.raises(TimeoutError):
        ask(Host(server.url, 1, 0.05))


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectError):
        ask(Host(f"http://127.0.0.1:{port}", 1, 1))
