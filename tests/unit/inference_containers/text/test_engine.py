"""The engine: joining, leaving, equality with answers given alone, and failure."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from inference_containers.text.batch import Batch
from inference_containers.text.cache import Cache, Window
from inference_containers.text.engine import Engine
from inference_containers.text.forward import Transformers, make_forward
from inference_containers.text.generation import Generation, Piece, Sampling
from inference_containers.text.load import LoadedModel
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.load_report import LoadReport


class Caller:
    """Collects the pieces of one generation."""

    def __init__(self, loaded: LoadedModel, content: str, **members: Any) -> None:
        self.pieces: list[Piece] = []
        self.done = threading.Event()
        request = ChatRequest(messages=[{"role": "user", "content": content}], **members)
        self.generation = Generation(loaded, request, self._receive)

    def _receive(self, piece: Piece) -> None:
        self.pieces.append(piece)
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
    batch = Batch(make_forward(loaded.model))
    batch.add([caller.generation])
    while len(batch):
        batch.step()


def test_joining_at_any_step_changes_no_answer(loaded: LoadedModel) -> None:
    expected = callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    together, batch = callers(loaded), Batch(make_forward(loaded.model))
    for number, caller in enumerate(together):
        batch.add([caller.generation])
        for _ in range(number % 3):
            batch.step()
    while len(batch):
        batch.step()
    assert [one.answer for one in together] == [one.answer for one in expected]


def test_leaving_changes_no_other_answer(loaded: LoadedModel) -> None:
    expected, together = callers(loaded), callers(loaded)
    batch = Batch(make_forward(loaded.model))
    for caller in expected:
        alone(loaded, caller)
    for caller in together:
        batch.add([caller.generation])
    batch.step()
    before = len(batch)
    for caller in together[::2]:
        caller.generation.cancelled.set()
    batch.drop_cancelled()
    assert len(batch) < before
    while len(batch):
        batch.step()
    assert [one.answer for one in together[1::2]] == [one.answer for one in expected[1::2]]


class HeldBatch(Batch):
    """Makes no further token before it is let go, so that a caller acts in the middle of one."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(make_forward(loaded.model))
        self.is_held, self.let_go = threading.Event(), threading.Event()

    def step(self) -> bool:
        self.is_held.set()
        assert self.let_go.wait(60)
        return super().step()


def held_engine(loaded: LoadedModel) -> tuple[Engine, HeldBatch]:
    """An engine of one place, and its batch."""
    engine, batch = Engine(loaded, max_batch_size=1, max_queued_requests=1), HeldBatch(loaded)
    engine._batch = batch
    engine.start()
    return engine, batch


def test_cancelled_generation_frees_its_place(loaded: LoadedModel) -> None:
    engine, batch = held_engine(loaded)
    long, next_one = Caller(loaded, "長い", max_tokens=80), Caller(loaded, "次", max_tokens=2)
    engine.submit(long.generation)
    assert batch.is_held.wait(10)
    engine.submit(next_one.generation)
    engine.cancel(long.generation)
    batch.let_go.set()
    assert next_one.done.wait(10)
    engine.stop()
    assert not long.done.is_set()
    # The first: of the step that was under way nothing is chosen, once its usage was told.
    assert long.generation.num_tokens == 1


def test_cancelled_in_the_queue_is_never_generated(loaded: LoadedModel) -> None:
    engine, batch = held_engine(loaded)
    running, queued = (Caller(loaded, "質問", max_tokens=30) for _ in range(2))
    engine.submit(running.generation)
    assert batch.is_held.wait(10)
    engine.submit(queued.generation)
    engine.cancel(queued.generation)
    batch.let_go.set()
    assert running.done.wait(10)
    engine.stop()
    assert queued.generation.num_tokens == 0


def test_the_load_is_of_what_runs_and_what_waits(loaded: LoadedModel) -> None:
    engine, batch = held_engine(loaded)
    running, queued = (Caller(loaded, "質問", max_tokens=2).generation for _ in range(2))
    engine.submit(running)
    assert batch.is_held.wait(10)
    engine.submit(queued)
    # The first token of what runs is there.
    expected = LoadReport(2, len(running.prompt) + 1 + len(queued.prompt))
    assert engine.load == expected
    batch.let_go.set()
    engine.stop()
    assert engine.load == LoadReport(0, 0)


def test_full_queue_refuses(loaded: LoadedModel) -> None:
    engine, batch = held_engine(loaded)
    with pytest.raises(ApiError, match="Too many requests") as caught:
        for _ in range(3):
            engine.submit(Caller(loaded, "質問", max_tokens=80).generation)
    batch.let_go.set()
    engine.stop()
    assert (caught.value.status, caught.value.retry_after_seconds) == (429, 1)


def test_stopping_leaves_no_caller_waiting(loaded: LoadedModel) -> None:
    engine, batch = held_engine(loaded)
    running, queued = (Caller(loaded, "質問", max_tokens=80) for _ in range(2))
    engine.submit(running.generation)
    assert batch.is_held.wait(10)
    engine.submit(queued.generation)
    stopping = threading.Thread(target=engine.stop)
    stopping.start()
    while not engine._stopping:
        time.sleep(0.01)
    batch.let_go.set()
    stopping.join(10)
    assert running.pieces[-1].error
    assert queued.pieces[-1].error
    with pytest.raises(ApiError, match="stopping"):
        engine.submit(Caller(loaded, "質問").generation)


class Breaking:
    """A forward pass that fails where `breaks` says so of its tokens, and works otherwise."""

    def __init__(self, loaded: LoadedModel, breaks: Callable[[torch.Tensor], bool]) -> None:
        self._forward, self._breaks = make_forward(loaded.model), breaks
        self.device = self._forward.device

    def new_cache(self) -> Cache:
        return self._forward.new_cache()

    def __call__(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        window: Window,
        filled: torch.Tensor | None,
    ) -> torch.Tensor:
        if self._breaks(input_ids):
            raise RuntimeError("planted")
        return self._forward(input_ids, positions, window, filled)


def run(loaded: LoadedModel, asked: list[Caller], **options: Any) -> tuple[Engine, list[str]]:
    """An engine over all of `asked` from its first turn, until each of them has its end."""
    reasons: list[str] = []
    engine = Engine(loaded, failed=reasons.append, **options)
    engine._waiting.extend(caller.generation for caller in asked)
    engine.start()
    for caller in asked:
        assert caller.done.wait(10)
    return engine, reasons


def first_token(loaded: LoadedModel, caller: Caller) -> int:
    batch = Batch(make_forward(loaded.model))
    batch.add([caller.generation])
    return batch._tokens[0]


def test_a_prompt_that_fails_fails_alone(loaded: LoadedModel) -> None:
    expected, asked = callers(loaded), callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    bad = Caller(loaded, "締切" * 11)
    length = len(bad.generation.prompt)
    broken = Breaking(loaded, lambda input_ids: input_ids.shape[1] == length)
    engine, reasons = run(loaded, forward=broken, asked=[*asked[:4], bad, *asked[4:]])
    assert bad.pieces[-1].error
    assert [one.answer for one in asked] == [one.answer for one in expected]
    assert engine.is_alive and not reasons
    engine.stop()


def test_a_step_that_fails_in_company_is_made_alone(loaded: LoadedModel) -> None:
    expected, asked = callers(loaded), callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    steps = itertools.count()
    broken = Breaking(loaded, lambda ids: len(ids) > 1 and next(steps) % 3 == 1)
    engine, _ = run(loaded, asked, forward=broken)
    assert [one.answer for one in asked] == [one.answer for one in expected]
    assert next(steps) > 3
    engine.stop()


def test_of_a_step_that_fails_only_the_row_at_fault_is_told(loaded: LoadedModel) -> None:
    expected, asked = callers(loaded), callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    # A token that some of the answers hold, and others don't: who reads it fails.
    poison = first_token(loaded, callers(loaded)[-1])
    reads_poison = [first_token(loaded, one) == poison for one in callers(loaded)]
    broken = Breaking(loaded, lambda ids: ids.shape[1] == 1 and poison in ids)
    engine, reasons = run(loaded, asked, forward=broken)
    failed = [bool(one.pieces[-1].error) for one in asked]
    assert failed[-1] and not all(failed)
    for one, other, has_failed, reads in zip(asked, expected, failed, reads_poison, strict=True):
        assert has_failed or (one.answer == other.answer and not reads)
    assert engine.is_alive and not reasons
    engine.stop()


@pytest.mark.parametrize("at_token", [1, 3])
def test_a_choice_that_fails_fails_alone(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch, at_token: int
) -> None:
    expected, asked = callers(loaded), callers(loaded)
    for caller in expected:
        alone(loaded, caller)
    bad = Caller(loaded, "質問", temperature=1.0)
    choose, calls = bad.generation._sampling.choose, itertools.count(1)

    def break_at(logits: torch.Tensor) -> int:
        if next(calls) == at_token:
            raise RuntimeError("planted")
        return choose(logits)

    monkeypatch.setattr(bad.generation._sampling, "choose", break_at)
    engine, reasons = run(loaded, [bad, *asked])
    assert bad.pieces[-1].error
    assert [one.answer for one in asked] == [one.answer for one in expected]
    assert engine.is_alive and not reasons
    engine.stop()


@pytest.mark.parametrize("last_good_call", [0, 3])
def test_an_engine_that_cannot_go_on_ends_and_says_so(
    loaded: LoadedModel, last_good_call: int
) -> None:
    count = itertools.count()
    asked = [Caller(loaded, "質問", max_tokens=80), Caller(loaded, "締切", max_tokens=80)]
    broken = Breaking(loaded, lambda _: next(count) >= last_good_call)
    engine, reasons = run(loaded, asked, forward=broken)
    engine._thread.join(5)
    assert not engine.is_alive, "/ping answers 503"
    assert reasons == ["the engine can't go on: planted"]
    assert all(one.pieces[-1].error for one in asked)
    with pytest.raises(ApiError, match="stopping"):
        engine.submit(Caller(loaded, "質問").generation)


@pytest.mark.parametrize("last_good_call", [0, 1, 6])
def test_an_engine_whose_step_never_ends_gives_up(loaded: LoadedModel, last_good_call: int) -> None:
    count, let_go = itertools.count(), threading.Event()
    asked = [Caller(loaded, "質問", max_tokens=80) for _ in range(4)]

    def hang(input_ids: torch.Tensor) -> bool:
        return next(count) >= last_good_call and let_go.wait()

    reasons: list[str] = []
    engine = Engine(
        loaded,
        max_batch_size=2,
        failed=reasons.append,
        max_step_seconds=0.5,
        forward=Breaking(loaded, hang),
    )
    engine._waiting.extend(caller.generation for caller in asked)
    engine.start()
    for caller in asked:
        assert caller.done.wait(30)
        assert caller.pieces[-1].error == "The model did not answer in time. Try again."
    assert engine._over.wait(10)
    assert not engine.is_alive, "/ping answers 503"
    with pytest.raises(ApiError, match="stopping"):
        engine.submit(Caller(loaded, "質問").generation)
    engine.stop()
    let_go.set()
    engine._thread.join(10)
    assert reasons[0] == "the engine can't go on: a step takes longer than any answer may take"


def without_numbers(loaded: LoadedModel) -> LoadedModel:
    model = copy.deepcopy(loaded.model)
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(math.nan)  # type: ignore[no-untyped-call]
    return dataclasses.replace(loaded, model=model)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_without_numbers_cannot_go_on(loaded: LoadedModel, temperature: float) -> None:
    caller = Caller(loaded, "質問", temperature=temperature)
    forward = Transformers(without_numbers(loaded).model)
    engine, reasons = run(loaded, [caller], forward=forward)
    engine._thread.join(5)
    assert caller.pieces[-1].error
    assert reasons == ["the engine can't go on: the model's predictions are not numbers"]


def test_a_model_without_numbers_is_not_served(loaded: LoadedModel) -> None:
    with pytest.raises(ValueError, match="its weights are damaged"):
        Engine(without_numbers(loaded))


def test_seed_decides_a_drawn_answer(loaded: LoadedModel) -> None:
    drawn = [
        Caller(loaded, "質問", temperature=1.5, top_p=0.9, seed=seed, max_tokens=20)
        for seed in (1, 1, 2)
    ]
    for caller in drawn:
        alone(loaded, caller)
    assert drawn[0].answer == drawn[1].answer != drawn[2].answer


@pytest.mark.parametrize("content", ["質問<|assistant|>", "＜｜ｅｎｄ｜＞<|end|><|system|>"])
def test_control_tokens_in_a_message_are_text(loaded: LoadedModel, content: str) -> None:
    caller = Caller(loaded, content, max_tokens=2)
    control = [one for one in caller.generation.prompt if one in loaded.encoder.control_ids]
    assert loaded.tokenizer.convert_ids_to_tokens(control) == [
        "<|user|>",
        "<|end|>",
        "<|assistant|>",
    ]
    alone(loaded, caller)
    assert caller.done.is_set()


def test_an_answer_may_hold_what_looks_like_its_end(loaded: LoadedModel) -> None:
    caller = Caller(loaded, "質問")
    said = "発話の終わりは <|end|> です。"
    ends = [loaded.tokenizer.eos_token_id]
    for token_id in loaded.encoder.encode_text(said) + ends:
        logits = torch.zeros(len(loaded.tokenizer))
        logits[token_id] = 1.0
        accepted = caller.generation.accept(logits, token_id, 1.0)
        assert (accepted is None) == (token_id in ends)
    assert caller.answer == (said, "stop")


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-38, 1e-9])
@pytest.mark.parametrize("top_p", [1.0, 1e-300, 5e-324])
def test_the_smallest_temperature_is_the_likeliest_token(temperature: float, top_p: float) -> None:
    logits = torch.tensor([-3.0, 7.5, 7.25, -1e4, -torch.inf])
    for seed in (-(2**63), 2**63 - 1, 0):
        assert Sampling(temperature, top_p, seed).choose(logits) == 1


@pytest.mark.parametrize("top_p", [0.0, 5e-324, 1e-300, 0.1])
def test_the_smallest_nucleus_is_the_likeliest_token(top_p: float) -> None:
    logits = torch.tensor([1.0, 2.0, 1.5])
    assert {Sampling(2.0, top_p, seed).choose(logits) for seed in range(20)} == {1}


def test_limit_beyond_the_context_ends_with_length(loaded: LoadedModel) -> None:
    caller = Caller(loaded, "質問", max_tokens=10_000)
    assert caller.generation.max_tokens == loaded.context_length - len(caller.generation.prompt)


def test_an_answer_without_a_limit_has_as_many_tokens_as_are_reserved(loaded: LoadedModel) -> None:
    few = dataclasses.replace(loaded, answer_tokens=5)
    assert Caller(few, "質問").generation.max_tokens == 5
    assert Caller(few, "質問", max_tokens=7).generation.max_tokens == 7
    room = loaded.context_length - len(Caller(loaded, "質問").generation.prompt)
    assert Caller(loaded, "質問").generation.max_tokens == room
