"""The worker processes of one host: started, stopped and ended together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STOPPED_STATUS = 128 + signal.SIGTERM
# After one has failed, the others get as long to say what they saw of it.
GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Workers:
    """One process of `training.worker` for each environment.

    They write how the run ended to `folder`/outcome, and an error to a folder of their own there.
    A worker that fails ends the others: without it they would wait until their exchange times out.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]], folder: Path) -> None:
        self.stop_requested = False
        self._processes: list[subprocess.Popen[bytes]] = []
        signal.signal(signal.SIGTERM, self._stop)
        for number, environment in enumerate(environments):
            self._start(environment, folder / "outcome", folder / f"worker-{number}")
        if self.stop_requested:
            self._terminate()

    def wait(self) -> int:
        """Until all have ended: 0, or the status of the first that was seen to fail."""
        while not (failed := self._failed()) and None in self._statuses():
            time.sleep(_POLL_SECONDS)
        deadline = time.monotonic() + GRACE_SECONDS
        while None in self._statuses() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for process in self._processes:
            process.kill()
            process.wait()
        return failed

    def _start(self, environment: Mapping[str, str], outcome: Path, folder: Path) -> None:
        folder.mkdir()
        self._processes.append(
            subprocess.Popen(
                [sys.executable, "-u", "-m", "training.worker", str(outcome)],
                env={**environment, "TORCHELASTIC_ERROR_FILE": str(folder / "error.json")},
                preexec_fn=_DieWithParent(),
            )
        )

    def _statuses(self) -> list[int | None]:
        return [process.poll() for process in self._processes]

    def _failed(self) -> int:
        return next((status for status in self._statuses() if status), 0)

    def _stop(self, number: int, frame: object) -> None:
        first, self.stop_requested = not self.stop_requested, True
        if first:
            self._terminate()

    def _terminate(self) -> None:
        for process in self._processes:
            process.terminate()


class _DieWithParent:
    """Run in the child: asks the kernel to kill it with its parent, however that one ends."""

    def __init__(self) -> None:
        self._parent = os.getpid()

    def __call__(self) -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)
