"""Child processes of the cloud: none outlives it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    # The kernel sends this when the cloud ends in a way that leaves it no time to clean up.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Processes:
    """Starts processes, each the leader of its own group, and ends whole groups."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False
        # PR_SET_PDEATHSIG fires when the thread that forked ends, so one thread that lives as long
        # as the cloud does all the forking.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: int | IO[bytes] = subprocess.PIPE,
        error: int | IO[bytes] = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        """Start `command` with exactly `env`; its output is a pipe to read unless given a file."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the cloud is stopping: no process can be started")
            process = self._starter.submit(
                subprocess.Popen,
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            ).result()
            self._running[process.pid] = process
        return process

    def signal(self, process: subprocess.Popen[bytes], number: int) -> None:
        """Send a signal to the process's whole group; nothing when it has gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def end(self, process: subprocess.Popen[bytes], grace_seconds: float = 0.0) -> int:
        """SIGTERM the group, wait up to `grace_seconds`, SIGKILL what is left; the exit status."""
        if grace_seconds > 0 and process.poll() is None:
            self.signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        # Even where the leader has exited, its group may live on.
        self.signal(process, signal.SIGKILL)
        status = process.wait()
        with self._lock:
            self._running.pop(process.pid, None)
        return status

    def close(self) -> None:
        """End everything that still runs, and start nothing more."""
        with self._lock:
            self._closed = True
            remaining = list(self._running.values())
        for process in remaining:
            self.end(process)
        self._starter.shutdown()
