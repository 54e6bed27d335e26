"""Child processes of the cloud, and their own: none outlives it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, TypeVar

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    # The kernel sends this when the cloud ends in a way that leaves it no time to clean up.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process(Protocol):
    """What the cloud asks of a process that it has started: a part of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


Started = TypeVar("Started", bound=Process)


class Processes:
    """Starts processes, each the leader of its own group, and ends all that came of them."""

    def __init__(self) -> None:
        self._running: dict[int, Process] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._adopts_orphans = False
        # PR_SET_PDEATHSIG fires when the thread that forked ends, so one thread that lives as long
        # as the cloud does all the forking.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

    def adopt_orphans(self) -> None:
        """Become the parent of what ended processes leave behind, so that `close` ends it too.

        For a process that does nothing but run this cloud: all its children are taken for ours.
        """
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._adopts_orphans = True

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        source: int | IO[bytes] = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.PIPE,
        error: int | IO[bytes] = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        """Start `command` with exactly `env`; its output is a pipe to read unless given a file."""

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=source,
                stdout=output,
                stderr=error,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

        return self.count(lambda: self._starter.submit(start).result())

    def count(self, start: Callable[[], Started]) -> Started:
        """Run `start`, which starts a process that leads its own group, and count it as ours."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the cloud is stopping: no process can be started")
            process = start()
            self._running[process.pid] = process
        return process

    def signal(self, process: Process, number: int) -> None:
        """Send a signal to the process's whole group; nothing when it has gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def end(self, process: Process, grace_seconds: float = 0.0) -> int:
        """SIGTERM the group, wait up to `grace_seconds`, SIGKILL what is left; the exit status.

        What is left counts every descendant, in whichever group or session it is.
        """
        if grace_seconds > 0 and process.poll() is None:
            self.signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        descendants = _descendants(process.pid)
        # Even where the leader has exited, its group may live on.
        self.signal(process, signal.SIGKILL)
        _kill(descendants)
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
        if self._adopts_orphans:
            _kill(_descendants(os.getpid()))
        self._starter.shutdown()


def _descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # A process that ends meanwhile has no children to find.
        with contextlib.suppress(OSError):
            # The name stands in parentheses and may hold anything; state and parent follow it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = children.get(pid, [])
    for child in found:  # grows as it goes
        found += children.get(child, [])
    return found


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
