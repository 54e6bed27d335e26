"""A function's process: its output, its end, and the sockets over which it is spoken to."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from pathlib import Path

from localcloud.functions.invocation import Invocation
from localcloud.processes import Processes

Line = Callable[[str], None]


class DeadlineError(Exception):
    """The deadline passed while the process was being waited for."""


class ProcessExitError(Exception):
    """The process ended while it was being waited for; `status` as subprocess gives it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Sandbox(ABC):
    """One process that serves one invocation at a time.

    Whoever invokes also reads the process's output, in its own thread: as in Lambda, what a
    process does between invocations is seen at the next one, and an idle process costs nothing.
    """

    def __init__(self, processes: Processes, write_line: Line) -> None:
        self._processes = processes
        self._write_line = write_line
        self._selector = selectors.DefaultSelector()
        self._process: subprocess.Popen[bytes]
        self._output = self._pid = -1
        self._line = bytearray()
        self.last_used = time.monotonic()

    @abstractmethod
    def initialize(self, deadline: float) -> None:
        """Wait until the process is ready. Raises as `stream` does when it fails."""

    @abstractmethod
    def stream(self, invocation: Invocation) -> Generator[bytes, None, None]:
        """The answer's bytes as they come.

        Raises FunctionError, ProcessExitError or DeadlineError when the function fails.

        Closing the generator early tells the function that its caller has left.
        """

    def start(self, command: list[str], env: dict[str, str], task_root: Path) -> None:
        self._process = self._processes.start(command, env=env, cwd=task_root)
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._pid = os.pidfd_open(self._process.pid)
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(self._pid, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def max_memory_megabytes(self) -> int:
        """The most memory the process itself has held (VmHWM)."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        return 0

    def end(self) -> None:
        """Kill the process with all it started, and take in the last of its output."""
        self._processes.end(self._process)
        self.read_output()
        if self._line:
            self._write_line(self._line.decode(errors="replace"))
        self._selector.close()
        os.close(self._pid)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read_output(self) -> None:
        """Take in what the process has written so far, up to the size of a full pipe."""
        try:
            data = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return
        if not data and self._output in self._selector.get_map():
            self._selector.unregister(self._output)
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            # Runtimes write a line break within one log event as a carriage return.
            self._write_line(line.decode(errors="replace").replace("\r", "\n"))

    def _watch(self, connection: socket.socket) -> None:
        self._selector.register(connection, selectors.EVENT_READ)

    def _ready(self, deadline: float) -> list[socket.socket]:
        """The sockets with something to read."""
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeadlineError
            ready = [key.fileobj for key, _ in self._selector.select(remaining)]
            if self._output in ready:
                self.read_output()
            # What it sent before it ended still counts.
            if sockets := [file for file in ready if isinstance(file, socket.socket)]:
                return sockets
            if self._pid in ready:
                raise ProcessExitError(self._process.wait())
