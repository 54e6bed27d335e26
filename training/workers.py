"""The worker processes of one host: started, stopped and ended together."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

STOPPED_STATUS = 128 + signal.SIGTERM
# After one has failed, the others get as long to say what they saw of it.
GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Workers:
    """The workers of one host, forks of this process: what it has imported they need not import.

    They write how the run ended to `folder`/outcome, and an error to a folder of their own there.
    A worker that fails ends the others: without it they would wait until their exchange times out.
    SIGTERM is heard from the moment this is made; one that comes before `start` lets none start.
    """

    def __init__(self, folder: Path) -> None:
        self.stop_requested = False
        self._folder = folder
        self._processes: list[BaseProcess] = []
        signal.signal(signal.SIGTERM, self._stop)

    def start(self, work: Callable[[Path], None], places: Sequence[Mapping[str, str]]) -> None:
        """Run `work(folder/outcome)` once for each place, with its variables in the environment.

        Nothing may have used CUDA before: a fork of a process that has can't.
        """
        context = multiprocessing.get_context("fork")
        for number, place in enumerate(places):
            if self.stop_requested:
                return
            folder = self._folder / f"worker-{number}"
            folder.mkdir()
            variables = {**place, "TORCHELASTIC_ERROR_FILE": str(folder / "error.json")}
            process = context.Process(
                target=_work,
                args=(work, self._folder / "outcome", variables, os.getpid()),
                name=folder.name,
            )
            # SIGTERM waits until this process knows whom to hand it to, and the fork has let go of
            # the handler that it was born with.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            process.start()
            self._processes.append(process)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    def wait(self) -> int:
        """Until all have ended: 0, or the status of the first that was seen to fail."""
        while not (failed := self._failed()) and None in self._statuses():
            time.sleep(_POLL_SECONDS)
        deadline = time.monotonic() + GRACE_SECONDS
        while None in self._statuses() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for process in self._processes:
            process.kill()
            process.join()
        return failed

    def _statuses(self) -> list[int | None]:
        return [process.exitcode for process in self._processes]

    def _failed(self) -> int:
        return next((status for status in self._statuses() if status), 0)

    def _stop(self, number: int, frame: object) -> None:
        first, self.stop_requested = not self.stop_requested, True
        if first:
            for process in self._processes:
                process.terminate()


def _work(
    work: Callable[[Path], None], outcome: Path, variables: Mapping[str, str], parent: int
) -> None:
    # The kernel kills it with its parent, however that one ends.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    os.environ.update(variables)
    work(outcome)
