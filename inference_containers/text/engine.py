"""The engine: one thread that steps the batch and lets waiting requests join between steps."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from inference_containers.text.batch import Batch
from inference_containers.text.generation import Generation
from inference_containers.text.load import LoadedModel
from meguru.api_errors import Overloaded

logger = logging.getLogger(__name__)


class Engine:
    """Generates for up to `max_batch_size` requests at a time; `max_queued_requests` more wait.

    A request that fails is told so, and the others go on. An engine that can't go on ends, and
    `failed` hears why.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        max_batch_size: int = 32,
        max_queued_requests: int = 64,
        failed: Callable[[str], None] = logger.error,
    ) -> None:
        self.loaded = loaded
        self._max_batch_size, self._max_queued = max_batch_size, max_queued_requests
        self._batch = Batch(loaded.model)
        self._waiting: deque[Generation] = deque()
        self._failed = failed
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def num_running(self) -> int:
        return len(self._batch)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is unfinished fails."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def submit(self, generation: Generation) -> None:
        """Queue a generation; Overloaded where the queue is full."""
        with self._changed:
            if self._stopping or not self.is_alive:
                raise Overloaded("The container is stopping.")
            if len(self._waiting) >= self._max_queued:
                raise Overloaded("Too many requests are waiting; try again shortly.", status=429)
            self._waiting.append(generation)
            self._changed.notify_all()

    def cancel(self, generation: Generation) -> None:
        """The caller has left: free its place, in the queue or in the batch."""
        generation.cancelled.set()
        with self._changed:
            if generation in self._waiting:
                self._waiting.remove(generation)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                if not self._turn():
                    # Was it the requests, or is it the model, the memory, the device?
                    self._batch.probe()
        except Exception as error:
            logger.exception("the engine can't go on")
            self._failed(f"the engine can't go on: {error or type(error).__name__}")
        finally:
            self._abandon()

    def _turn(self) -> bool:
        """Let waiting requests join, and make a token for each; False where something failed."""
        self._batch.drop_cancelled()
        healthy = True
        while healthy and (generation := self._next()) is not None:
            healthy = self._batch.add(generation)
        return self._batch.step() and healthy

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting or len(self._batch))
            return not self._stopping

    def _next(self) -> Generation | None:
        with self._changed:
            if self._waiting and len(self._batch) < self._max_batch_size:
                return self._waiting.popleft()
        return None

    def _abandon(self) -> None:
        """Leave no caller waiting, whether the engine was stopped or an error ended its thread."""
        with self._changed:
            self._stopping = True
            unfinished = [*self._batch.clear(), *self._waiting]
            self._waiting.clear()
        for generation in unfinished:
            generation.fail("The container stopped before the answer was complete.")
