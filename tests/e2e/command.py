"""The `meguru` command as a process, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MARKER = "MEGURU_TEST_MARKER"
STOP_SECONDS = 40


class Command:
    """A started command. Everything it starts inherits a mark in its environment."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._mark = uuid.uuid4().hex
        # As a person starts it: what it starts shares nothing with the tests.
        own = {name: os.environ[name] for name in os.environ if name != "LOCALCLOUD_PYTHON"}
        self.output = folder / "output"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=folder,
            env={
                **own,
                MARKER: self._mark,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "COLUMNS": "250",
            },
            stdin=subprocess.DEVNULL,
            stdout=self.output.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_said(self, text: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to the command alone; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def left_behind(self, seconds: float = 15) -> list[str]:
        """Processes it started that still run after a while."""
        deadline = time.monotonic() + seconds
        while found := [p for p in psutil.process_iter() if self._is_ours(p)]:
            if time.monotonic() > deadline:
                return [" ".join(process.cmdline()) for process in found]
            time.sleep(0.2)
        return []

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            # The kernel shows no environment of a process that has ended.
            return process.environ().get(MARKER) == self._mark
        except psutil.Error:
            return False

    def end(self) -> None:
        """End the command and whatever it may have left: a failed test must not go on."""
        for process in [p for p in psutil.process_iter() if self._is_ours(p)]:
            process.kill()
        self.process.wait()


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Command]:
    command = Command(folder, *arguments)
    try:
        yield command
    finally:
        command.end()
