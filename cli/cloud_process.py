"""The local cloud as a process of its own, from a command that ends with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_SECONDS = 20
MAX_PORT = 65535


class CloudFailed(Exception):
    """The local cloud did not come up; the message is what it said."""


def check_port(port: int) -> None:
    """ValueError where a number is no port; what is in use is found out by the cloud itself."""
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"--port {port} is no port: give one from 1 to {MAX_PORT}, or 0 for any")


class CloudProcess:
    """`python -m localcloud` on an assembly. Leaving the context ends it and all its processes."""

    def __init__(self, assembly: Path, *, port: int, log: Path) -> None:
        self._assembly, self._port, self._log = assembly, port, log
        self.endpoint_url = ""

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            # A session of its own: Ctrl-C reaches this command alone, which then ends the cloud.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "localcloud", str(self._assembly)),
                    *("--port", str(self._port), "--die-with-parent"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def wait(self) -> int:
        """Block until the cloud ends by itself; its exit status."""
        return self._process.wait()

    def _wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("AWS_ENDPOINT_URL="):
                self.endpoint_url = line.strip().partition("=")[2]
            if line.strip() == "ready":
                return
        self._process.wait()
        raise CloudFailed(self._log.read_text().strip() or "the local cloud ended at once")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
