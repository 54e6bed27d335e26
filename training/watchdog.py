"""The watchdog: ends a job that hangs, with a line that says where, so that it is tried again."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from torch.distributed.elastic.multiprocessing.errors import get_error_handler

# Shorter than an exchange's time-out, whose error would name a rank that only waited.
STEP_SECONDS = 480.0
SYNC_SECONDS = 600.0
# SageMaker's mark beside a file that it copies to S3 at the moment.
UPLOADING = ".sagemaker-uploading"


class Stalled(Exception):
    """The job does not get on; said in one line."""


def sync_stall(folder: Path, limit_seconds: float, now: float) -> str | None:
    """What is wrong with the copying of `folder` to S3: a file under way for too long, or None.

    Only SageMaker's own marks tell: where a copy leaves none, nothing is known of it.
    """
    for path in folder.rglob(f"*{UPLOADING}"):
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:
            continue
        if age > limit_seconds:
            name = path.relative_to(folder).as_posix().removesuffix(UPLOADING)
            return f"checkpoint file {name} has been on its way to S3 for {age:.0f} s"
    return None


class Watchdog:
    """Watches the thread that makes it, while the context lasts; `beat` says that it gets on.

    `stall` is asked now and then for any other reason to end.
    """

    def __init__(
        self,
        rank: int,
        stall: Callable[[], str | None],
        step_seconds: float = STEP_SECONDS,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._rank, self._stall, self._limit, self._end = rank, stall, step_seconds, end
        self._watched = threading.get_ident()
        self._step, self._beat_at = 0, time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def beat(self, step: int) -> None:
        self._step, self._beat_at = step, time.monotonic()

    def __enter__(self) -> Watchdog:
        self.beat(self._step)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(min(10.0, self._limit / 4)):
            reason = self._hang() or self._stall()
            if reason:
                print(f"event=watchdog rank={self._rank} step={self._step}: {reason}", flush=True)
                # The entrypoint on this host makes it the job's reason of failure.
                get_error_handler().record_exception(Stalled(reason))
                # No exception reaches a thread that hangs in an exchange or a kernel.
                self._end(1)
                return

    def _hang(self) -> str | None:
        seconds = time.monotonic() - self._beat_at
        if seconds <= self._limit:
            return None
        frame = sys._current_frames().get(self._watched)
        last = traceback.extract_stack(frame)[-1] if frame else None
        where = f"{Path(last.filename).name}:{last.lineno} in {last.name}" if last else "its end"
        return f"rank {self._rank} made no step for {seconds:.0f} s: it is at {where}"
