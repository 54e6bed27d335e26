"""Warm starts: containers that are Python programs, forked where their packages are imported.

An image asks for it by `LABEL localcloud.preload="torch ..."`. What those packages read from the
environment while they are imported they read from the image's ENV. LOCALCLOUD_PYTHON can name a
command in the interpreter's place, one that shares with others what it has imported.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

from localcloud.processes import Process, Processes

LABEL = "localcloud.preload"
_PROGRAM = Path(__file__).with_name("forkserver.py")
_ANSWER_SECONDS = 120.0
# The interpreter, C's library and loader, OpenMP, torch and its kin read these once, at the start.
_READ_AT_START = re.compile(
    r"PYTHON|LD_|LANG|LC_|TZ$|[GK]?OMP_|KMP_|MKL_|OPENBLAS_|CUDA_|(PY)?TORCH|HF_|TRANSFORMERS_"
)
_log = logging.getLogger(__name__)


class WarmStarts:
    """Keeps a fork server for each environment and list of packages, from its first use on."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes, self._folder = processes, folder
        self._servers: dict[object, _ForkServer | None] = {}
        self._lock = threading.Lock()

    def start(
        self,
        packages: Sequence[str],
        shared: Mapping[str, str],
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
    ) -> Process | None:
        """Start `python -m …` with exactly `env`; None where it has to be started as usual.

        `shared` is what every container of its image has in the environment.
        """
        is_python = list(command[:2]) == [sys.executable, "-m"] and len(command) > 2
        if not packages or not is_python or _read_at_start(shared) != _read_at_start(env):
            return None
        key = (tuple(packages), frozenset(shared.items()))
        with self._lock:
            try:
                server = self._server(key, packages, shared)
                return server.fork(command, env, cwd) if server else None
            except OSError as error:
                _log.warning("a container starts without a warm start: %s", error)
                return None

    def _server(
        self, key: object, packages: Sequence[str], shared: Mapping[str, str]
    ) -> _ForkServer | None:
        server = self._servers.get(key)
        if key not in self._servers or (server and not server.is_alive):
            # Packages that can't be imported are not tried again.
            self._servers[key] = None
            self._servers[key] = _ForkServer(self._processes, self._folder, packages, shared)
        return self._servers[key]


class _ForkServer:
    """A process of `forkserver.py`, ready once this is made; OSError where it can't be."""

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        packages: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._processes = processes
        folder.mkdir(parents=True, exist_ok=True)
        self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_ANSWER_SECONDS)
        log = folder / "forkserver.log"
        with other, log.open("wb") as output:
            self._process = processes.start(
                [*_python(), str(_PROGRAM), *packages],
                env={**environment, "HOME": str(folder)},
                cwd=folder,
                source=other.fileno(),
                output=output,
            )
        try:
            self._answer()
        except OSError:
            said = log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            raise OSError(f"{' '.join(packages)} can't be imported ahead: {said}") from None

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Process:
        request = {"command": list(command), "environment": dict(env), "folder": str(cwd)}
        message = json.dumps(request).encode()

        def start() -> _Forked:
            status, status_end = socket.socketpair()
            output, output_end = os.pipe()
            stdout = os.fdopen(output, "rb")
            with status_end, os.fdopen(output_end, "wb"):
                socket.send_fds(self._control, [message], [output_end, status_end.fileno()])
            return _Forked(int(self._answer()), stdout, status)

        return self._processes.count(start)

    def _answer(self) -> bytes:
        try:
            if said := self._control.recv(100):
                return said
            raise ConnectionResetError("the process that forks them has ended")
        except OSError:
            # What it would answer later can't be told from the answer to another question.
            self._processes.end(self._process)
            raise


class _Forked:
    """A container process whose parent is the fork server: as much of Popen as the cloud uses."""

    def __init__(self, pid: int, stdout: IO[bytes], status: socket.socket) -> None:
        self.pid, self.stdout = pid, stdout
        self._status = status
        self._returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self._returncode is None and wait([self._status], timeout):
            with self._lock:
                if self._returncode is None:
                    # Nothing is said of one that died with the fork server.
                    self._returncode = int(self._status.recv(16) or -signal.SIGKILL)
        return self._returncode


def _python() -> list[str]:
    return shlex.split(os.environ.get("LOCALCLOUD_PYTHON", "")) or [sys.executable]


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _READ_AT_START.match(name)}
