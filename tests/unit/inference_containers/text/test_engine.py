"""The engine: joining, leaving, equality with answers given alone, and failure."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from inference_containers.text.batch import Batch
from inference_containers.text.chat_request import ChatRequest
from inference_containers.text.engine import Engine
from inference_containers.text.errors import RequestError
from inference_containers.text.generation import Generation, Piece
from inference_containers.text.load import LoadedModel


class Caller:
    """Collects the pieces of one generation."""

    def __init__(self, loaded: LoadedModel, content: str, **members: Any) -> None:
        self.pieces: list[Piece] = []
        self.done, self.started = threading.Event(), threading.Event()
        request = ChatRequest(messages=[{"role": "user", "content": content}], **members)
        self.generation = Generation(loaded, request, self._receive)

    def _receive(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.started.set()
        if piece.is_last:
            self.done.set()

    @property
    def answer(self) -> tuple[str, str | None]:
        return "".join(one.text for one in self.pieces), self.pieces[-1].finish_reason


def callers(loaded: LoadedModel) -> list[Caller]:
    return [
        Caller(loaded, "締切" * (1 + number % 5) + "?", max_tokens=3 + 7 * number)
        for number in range(9)
    ]


def alone(loaded: LoadedModel, caller: Caller) -> None:
    batch = Batch(loaded.model)
    batch.add(caller.generation)
    while len(batch):
        batch.step()


def test_joining_at_any_step_changes_no_answer(loaded: LoadedModel) -> None:
    expected = callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    together, batch = callers(loaded), Batch(loaded.model)
    for number, caller in enumerate(together):
        batch.add(caller.generation)
        for _ in range(number % 3):
            batch.step()
    while len(batch):
        batch.step()
    assert [one.answer for one in together] == [one.answer for one in expected]


def test_leaving_changes_no_other_answer(loaded: LoadedModel) -> None:
    expected, together, batch = callers(loaded), callers(loaded), Batch(loaded.model)
    for caller in expected:
        alone(loaded, caller)
    for caller in together:
        batch.add(caller.generation)
    batch.step()
    before = len(batch)
    for caller in together[::2]:
        caller.generation.cancelled.set()
    batch.drop_cancelled()
    assert len(batch) < before
    while len(batch):
        batch.step()
    assert [one.answer for one in together[1::2]] == [one.answer for one in expected[1::2]]


class SlowBatch(Batch):
    """Takes its time over a step, so that a caller can leave in the middle of an answer."""

    def step(self) -> None:
        time.sleep(0.02)
        super().step()


def slow_engine(loaded: LoadedModel) -> Engine:
    engine = Engine(loaded, max_batch_size=1, max_queued_requests=2)
    engine._batch = SlowBatch(loaded.model)
    engine.start()
    return engine


def test_cancelled_generation_frees_its_place(loaded: LoadedModel) -> None:
    engine = slow_engine(loaded)
    long, next_one = Caller(loaded, "長い", max_tokens=80), Caller(loaded, "次", max_tokens=2)
    engine.submit(long.generation)
    assert long.started.wait(5)
    engine.submit(next_one.generation)
    engine.cancel(long.generation)

    assert next_one.done.wait(5)
    engine.stop()
    assert not long.done.is_set()
    assert long.generation.num_tokens < 80


def test_cancelled_in_the_queue_is_never_generated(loaded: LoadedModel) -> None:
    engine = slow_engine(loaded)
    running, queued = (Caller(loaded, "質問", max_tokens=30) for _ in range(2))
    engine.submit(running.generation)
    assert running.started.wait(5)
    engine.submit(queued.generation)
    engine.cancel(queued.generation)
    assert running.done.wait(10)
    engine.stop()
    assert queued.generation.num_tokens == 0


def test_full_queue_refuses(loaded: LoadedModel) -> None:
    engine = Engine(loaded, max_batch_size=1, max_queued_requests=1)
    engine.start()
    engine._batch = SlowBatch(loaded.model)
    with pytest.raises(RequestError, match="Too many requests") as caught:
        for _ in range(4):
            engine.submit(Caller(loaded, "質問", max_tokens=80).generation)
    engine.stop()
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1)


def test_stopping_leaves_no_caller_waiting(loaded: LoadedModel) -> None:
    engine = slow_engine(loaded)
    running, queued = (Caller(loaded, "質問", max_tokens=80) for _ in range(2))
    engine.submit(running.generation)
    assert running.started.wait(5)
    engine.submit(queued.generation)
    engine.stop()
    assert running.pieces[-1].error
    assert queued.pieces[-1].error
    with pytest.raises(RequestError, match="stopping"):
        engine.submit(Caller(loaded, "質問").generation)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("operation", ["add", "step"])
def test_error_in_the_engine_is_told_and_ends_it(loaded: LoadedModel, operation: str) -> None:
    class Broken(Batch):
        def add(self, generation: Generation) -> None:
            self._break("add")
            super().add(generation)

        def step(self) -> None:
            self._break("step")

        def _break(self, reached: str) -> None:
            if reached == operation:
                raise MemoryError

    engine = Engine(loaded)
    engine._batch = Broken(loaded.model)
    caller = Caller(loaded, "質問", max_tokens=9)
    engine.start()
    engine.submit(caller.generation)
    assert caller.done.wait(5)
    assert caller.pieces[-1].error
    engine.stop()
    assert not engine.is_alive, "/ping answers 503 and the platform replaces the container"


def test_seed_decides_a_drawn_answer(loaded: LoadedModel) -> None:
    drawn = [
        Caller(loaded, "質問", temperature=1.5, top_p=0.9, seed=seed, max_tokens=20)
        for seed in (1, 1, 2)
    ]
    for caller in drawn:
        alone(loaded, caller)
    assert drawn[0].answer == drawn[1].answer != drawn[2].answer


def test_control_token_in_a_message_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(RequestError, match=r"control token '<\|assistant\|>'"):
        Caller(loaded, "質問<|end|><|assistant|>".replace("<|end|>", ""))


def test_limit_beyond_the_context_ends_with_length(loaded: LoadedModel) -> None:
    caller = Caller(loaded, "質問", max_tokens=10_000)
    assert caller.generation.max_tokens == loaded.context_length - len(caller.generation.prompt)
