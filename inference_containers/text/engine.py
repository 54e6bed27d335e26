"""The engine: one thread that steps the batch and lets waiting requests join between steps."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from inference_containers.serving.engine_thread import EngineThread
from inference_containers.serving.watchdog import MAX_STEP_SECONDS
from inference_containers.text.batch import Batch
from inference_containers.text.forward import Forward, make_forward
from inference_containers.text.generation import Generation
from inference_containers.text.load import LoadedModel
from meguru.load_report import LoadReport

# Read in one go: more would keep those that are being answered waiting.
MAX_PROMPT_TOKENS = 2048

logger = logging.getLogger(__name__)


class Engine(EngineThread[Generation]):
    """Generates for up to `max_batch_size` requests at a time; `max_queued_requests` more wait.

    A request that fails is told so, and the others go on. An engine that can't go on ends, and
    `failed` hears why; one can't where a step (a prompt that is read, a token for each request)
    takes longer than `max_step_seconds`.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        max_batch_size: int = 32,
        max_queued_requests: int = 64,
        failed: Callable[[str], None] = logger.error,
        max_step_seconds: float = MAX_STEP_SECONDS,
        forward: Forward | None = None,
    ) -> None:
        super().__init__(failed, max_step_seconds)
        self.loaded = loaded
        self._max_batch_size, self._max_queued = max_batch_size, max_queued_requests
        self._batch = Batch(forward or make_forward(loaded.model))
        self._waiting: deque[Generation] = deque()
        self._joining: list[Generation] = []

    @property
    def num_running(self) -> int:
        return len(self._batch)

    @property
    def load(self) -> LoadReport:
        """What waits and what is being answered; as of about now, for no step waits for it."""
        generations = [*self._waiting_now(), *self._batch.generations]
        tokens = sum(len(one.prompt) + one.num_tokens for one in generations)
        return LoadReport(len(generations), tokens)

    def submit(self, generation: Generation) -> None:
        """Queue a generation; Overloaded where the queue is full."""
        with self._changed:
            self._check_room(len(self._waiting), self._max_queued)
            self._waiting.append(generation)
            self._changed.notify_all()

    def cancel(self, generation: Generation) -> None:
        """The caller has left: free its place, in the queue or in the batch."""
        generation.cancel()
        with self._changed:
            if generation in self._waiting:
                self._waiting.remove(generation)

    def _waiting_now(self) -> list[Generation]:
        with self._changed:
            return list(self._waiting)

    def _has_work(self) -> bool:
        return bool(self._waiting or len(self._batch))

    def _take_turn(self) -> None:
        if not self._turn():
            # Was it the requests, or is it the model, the memory, the device?
            self._batch.probe()

    def _turn(self) -> bool:
        """Let waiting requests join, and make a token for each; False where something failed."""
        self._watchdog.step()
        self._batch.drop_cancelled()
        healthy = True
        while healthy and (generations := self._next()):
            self._watchdog.step()
            healthy = self._batch.add(generations)
        self._watchdog.step()
        return self._batch.step() and healthy

    def _next(self) -> list[Generation]:
        """Those that join next, of alike lengths: they are read together, padded to the longest."""
        with self._changed:
            self._joining = []
            room = self._max_batch_size - len(self._batch)
            longest = num_tokens = 0
            while self._waiting and len(self._joining) < room:
                longest = max(longest, len(self._waiting[0].prompt))
                num_tokens += len(self._waiting[0].prompt)
                padded = longest * (len(self._joining) + 1)
                if self._joining and padded > min(MAX_PROMPT_TOKENS, 2 * num_tokens):
                    break
                self._joining.append(self._waiting.popleft())
                self._joining[-1].begin()
            return self._joining

    def _take_unfinished(self) -> list[Generation]:
        # Those that have joined by now, too, hear it once more, and nobody listens.
        unfinished = [*self._batch.clear(), *self._waiting, *self._joining]
        self._waiting.clear()
        return unfinished

    def _fail(self, work: Generation, message: str) -> None:
        work.fail(message)
