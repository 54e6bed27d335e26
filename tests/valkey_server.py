"""A real server for what speaks Valkey's protocol: the distribution's, for as long as a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

PROGRAMS = ("valkey-server", "redis-server")


def server_program() -> str | None:
    """Debian has it as `redis-server`."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def valkey_server(*options: str) -> Iterator[str]:
    """The address of a server that keeps nothing on disk; LookupError where none is installed."""
    program = server_program()
    if program is None:
        raise LookupError("install redis-server or valkey-server")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    command = [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    try:
        _wait_for(int(port), process)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise TimeoutError(f"no server on port {port}")
