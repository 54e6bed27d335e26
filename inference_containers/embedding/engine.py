"""The engine: one thread that encodes texts of all who wait together, a step at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import numpy as np

from inference_containers.embedding.encoder import Vectors, encode
from inference_containers.embedding.load import LoadedEncoder
from inference_containers.serving.engine_thread import EngineThread
from inference_containers.serving.watchdog import MAX_STEP_SECONDS
from meguru.api_errors import ApiError

# Padded tokens of a step: on a CPU about as many as are read in half a second.
MAX_STEP_TOKENS = {"cpu": 2048, "cuda": 65_536}

logger = logging.getLogger(__name__)


class Job:
    """The texts of one request, and the vectors there are so far."""

    def __init__(self, texts: Sequence[Sequence[int]], loop: asyncio.AbstractEventLoop) -> None:
        self._texts, self._loop = texts, loop
        # Those of alike lengths are read together; the longest come first, from the end.
        self.waiting = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        self._vectors: dict[int, Vectors] = {}
        self.done: asyncio.Future[Vectors] = loop.create_future()
        # The tokens of those texts whose reading has begun.
        self.num_read = 0

    def text(self, index: int) -> Sequence[int]:
        return self._texts[index]

    def take(self, index: int, vector: Vectors) -> None:
        self._vectors[index] = vector
        if len(self._vectors) == len(self._texts):
            rows = np.stack([self._vectors[one] for one in range(len(self._texts))])
            self._tell(lambda: self.done.set_result(rows))

    def fail(self, error: ApiError) -> None:
        self._tell(lambda: self.done.set_exception(error))

    def _tell(self, what: Callable[[], None]) -> None:
        def unless_over() -> None:
            if not self.done.done():
                what()

        # The loop is gone only when the server is, too.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(unless_over)


Step = list[tuple[Job, int]]


class Engine(EngineThread[Job]):
    """Encodes for all jobs in turn: no large one keeps a small one waiting for longer than a step.

    At most `max_queued_requests` wait. A step that fails fails its jobs, and the others go on; an
    engine that can't go on ends, and `failed` hears why.
    """

    def __init__(
        self,
        loaded: LoadedEncoder,
        max_queued_requests: int = 64,
        failed: Callable[[str], None] = logger.error,
        max_step_seconds: float = MAX_STEP_SECONDS,
    ) -> None:
        super().__init__(failed, max_step_seconds)
        self.loaded, self._max_queued = loaded, max_queued_requests
        self._max_tokens = MAX_STEP_TOKENS[loaded.device.type]
        self._jobs: list[Job] = []
        self._step: Step = []

    def submit(self, job: Job) -> None:
        """Queue a job; Overloaded where the queue is full."""
        with self._changed:
            self._check_room(len(self._jobs), self._max_queued)
            self._jobs.append(job)
            self._changed.notify_all()

    def cancel(self, job: Job) -> None:
        """The caller has left: what was not read yet is not read."""
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)

    def _has_work(self) -> bool:
        return bool(self._jobs)

    def _take_turn(self) -> None:
        self._watchdog.step()
        self._encode(self._next())

    def _next(self) -> Step:
        """Texts of alike lengths, of whoever has waited longest first; who is not done waits on."""
        with self._changed:
            self._step = []
            longest = num_tokens = 0
            for job in self._jobs:
                while job.waiting:
                    length = len(job.text(job.waiting[-1]))
                    padded = max(longest, length) * (len(self._step) + 1)
                    if self._step and padded > min(self._max_tokens, 2 * (num_tokens + length)):
                        break
                    self._step.append((job, job.waiting.pop()))
                    job.num_read += length
                    longest, num_tokens = max(longest, length), num_tokens + length
            served = {id(job) for job, _ in self._step}
            waiting = [job for job in self._jobs if job.waiting]
            self._jobs = sorted(waiting, key=lambda job: id(job) in served)
            return self._step

    def _encode(self, step: Step) -> None:
        try:
            vectors = encode(self.loaded, [job.text(index) for job, index in step])
        except Exception:
            logger.exception("a step failed")
            self._drop(step)
            # Was it the texts, or is it the model, the memory, the device?
            encode(self.loaded, [[self.loaded.pad_token_id]])
            return
        for (job, index), vector in zip(step, vectors, strict=True):
            job.take(index, vector)

    def _drop(self, step: Step) -> None:
        error = ApiError(500, "The model could not read the texts.", code="internal_error")
        for job in {id(job): job for job, _ in step}.values():
            self.cancel(job)
            job.fail(error)

    def _take_unfinished(self) -> list[Job]:
        unfinished = [*self._jobs, *(job for job, _ in self._step)]
        self._jobs = []
        return unfinished

    def _fail(self, work: Job, message: str) -> None:
        work.fail(ApiError(500, message, code="internal_error"))
