"""The engine: one thread that steps the batch and lets waiting requests join between steps."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable

from inference_containers.serving.watchdog import MAX_STEP_SECONDS, Watchdog
from inference_containers.text.batch import Batch
from inference_containers.text.forward import Forward, make_forward
from inference_containers.text.generation import Generation
from inference_containers.text.load import LoadedModel
from meguru.api_errors import Overloaded
from meguru.load_report import LoadReport

# Read in one go: more would keep those that are being answered waiting.
MAX_PROMPT_TOKENS = 2048

logger = logging.getLogger(__name__)


class Engine:
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
        self.loaded = loaded
        self._max_batch_size, self._max_queued = max_batch_size, max_queued_requests
        self._batch = Batch(forward or make_forward(loaded.model))
        self._waiting: deque[Generation] = deque()
        self._joining: list[Generation] = []
        self._failed = failed
        self._changed = threading.Condition()
        self._stopping = False
        # Every caller has been told how it ended. A thread that hangs may still be there.
        self._over = threading.Event()
        self._watchdog = Watchdog(max_step_seconds, self._give_up)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def num_running(self) -> int:
        return len(self._batch)

    @property
    def load(self) -> LoadReport:
        """What waits and what is being answered; as of about now, for no step waits for it."""
        generations = [*self._waiting_now(), *self._batch.generations]
        tokens = sum(len(one.prompt) + one.num_tokens for one in generations)
        return LoadReport(len(generations), tokens)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._over.is_set()

    def start(self) -> None:
        self._thread.start()
        self._watchdog.start()

    def stop(self) -> None:
        """End the thread; what is unfinished fails."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._over.wait()

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

    def _waiting_now(self) -> list[Generation]:
        with self._changed:
            return list(self._waiting)

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
            self._abandon("The container stopped before the answer was complete.")

    def _give_up(self) -> None:
        """What the watchdog does, in its own thread: the engine's hangs, and says nothing."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        hangs_at = "".join(traceback.format_stack(frame)) if frame else "nowhere: it has ended"
        logger.critical("a step doesn't end; it is at\n%s", hangs_at)
        self._abandon("The model did not answer in time. Try again.")
        self._failed("the engine can't go on: a step takes longer than any answer may take")

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

    def _wait_for_work(self) -> bool:
        self._watchdog.rest()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting or len(self._batch))
            return not self._stopping

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

    def _abandon(self, message: str) -> None:
        """Leave no caller waiting, whether the engine was stopped, has failed, or hangs."""
        with self._changed:
            self._stopping = True
            unfinished = [*self._batch.clear(), *self._waiting]
            self._waiting.clear()
            # Those that have joined by now, too, hear it once more, and nobody listens.
            unfinished += self._joining
        for generation in unfinished:
            generation.fail(message)
        self._watchdog.stop()
        self._over.set()
