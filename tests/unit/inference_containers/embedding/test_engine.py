"""The engine: what it gives for a text, and to whom it gives it when several wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from inference_containers.embedding import engine as engines
from inference_containers.embedding.encoder import Vectors, encode, shorten
from inference_containers.embedding.engine import Engine, Job
from inference_containers.embedding.load import LoadedEncoder, load
from meguru.api_errors import ApiError, Overloaded
from tests.unit.encoders import END, START, write_encoder

TEXTS = [[START, *range(20, 20 + length), END] for length in (3, 30, 1, 12, 3)]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


@pytest.fixture
def engine(loaded: LoadedEncoder) -> Iterator[Engine]:
    engine = Engine(loaded, max_queued_requests=3)
    engine.start()
    yield engine
    engine.stop()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_vector_is_the_model_s_own(tmp_path: Path, pooling: str) -> None:
    folder = write_encoder(tmp_path / "model", pooling=pooling)
    vectors = encode(load(folder), TEXTS)
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    for ids, vector in zip(TEXTS, vectors, strict=True):
        states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        whole = states.mean(0) if pooling == "mean" else states[0]
        expected = (whole / whole.norm()).detach().numpy()
        assert np.allclose(vector, expected, atol=1e-6)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-2)


def test_a_length_is_kept_where_the_model_s_is_wanted(tmp_path: Path) -> None:
    [vector] = encode(load(write_encoder(tmp_path / "model", normalise=False)), TEXTS[:1])
    assert abs(np.linalg.norm(vector) - 1) > 0.1


def test_a_shortened_vector_has_length_one(loaded: LoadedEncoder) -> None:
    vectors = encode(loaded, TEXTS)
    cut = shorten(vectors, 8)
    assert cut.shape == (5, 8) and cut.dtype == np.float32
    assert np.allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-6)
    assert np.allclose(cut[0] / cut[0][0], vectors[0][:8] / vectors[0][0], rtol=1e-4)


def test_each_job_has_its_own_vectors_in_its_order(engine: Engine) -> None:
    async def ask() -> list[Vectors]:
        loop = asyncio.get_running_loop()
        jobs = [Job(texts, loop) for texts in (TEXTS, TEXTS[::-1], TEXTS[1:2])]
        for job in jobs:
            engine.submit(job)
        answers = [await job.done for job in jobs]
        assert [job.num_read for job in jobs] == [sum(map(len, TEXTS))] * 2 + [len(TEXTS[1])]
        return answers

    first, reversed_, one = run(ask())
    expected = np.concatenate([encode(engine.loaded, [ids]) for ids in TEXTS])
    assert np.allclose(first, expected, atol=1e-5)
    assert np.allclose(reversed_, expected[::-1], atol=1e-5)
    assert np.allclose(one, expected[1:2], atol=1e-5)


def test_a_large_job_keeps_nobody_waiting(
    loaded: LoadedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.MAX_STEP_TOKENS, "cpu", 64)
    engine = Engine(loaded)

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        large, small = Job(TEXTS * 50, loop), Job(TEXTS[:1], loop)
        for job in (large, small):
            engine._jobs.append(job)
        first = engine._next()
        assert {id(job) for job, _ in first} == {id(large)}
        assert any(job is small for job, _ in engine._next())
        assert small not in engine._jobs and large in engine._jobs
        sizes = [max(len(job.text(n)) for job, n in step) * len(step) for step in (first,)]
        assert max(sizes) <= 64

    run(ask())


def test_a_full_queue_and_a_stopping_engine_refuse(loaded: LoadedEncoder) -> None:
    async def ask() -> None:
        loop = asyncio.get_running_loop()
        engine = Engine(loaded, max_queued_requests=1)
        with pytest.raises(Overloaded) as refused:
            engine.submit(Job(TEXTS, loop))
        assert refused.value.status == 503
        engine.start()
        held = Job(TEXTS, loop)
        with engine._changed:
            engine.submit(held)
            with pytest.raises(Overloaded) as full:
                engine.submit(Job(TEXTS, loop))
        assert full.value.status == 429
        assert (await held.done).shape == (5, 32)
        engine.stop()

    run(ask())


def test_texts_that_fail_leave_the_others_answered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(loaded: LoadedEncoder, texts: list[list[int]]) -> Vectors:
        if any(70 in ids for ids in texts):
            raise RuntimeError("these can't be read")
        return encode(loaded, texts)

    monkeypatch.setattr(engines, "encode", failing)

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        bad, good = Job([[START, 70, END]], loop), Job(TEXTS, loop)
        engine.submit(bad)
        with pytest.raises(ApiError) as failed:
            await bad.done
        assert failed.value.status == 500
        engine.submit(good)
        assert (await good.done).shape == (5, 32)

    run(ask())


def test_a_broken_model_ends_the_engine(
    loaded: LoadedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(loaded: LoadedEncoder, texts: list[list[int]]) -> Vectors:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(engines, "encode", failing)
    reasons: list[str] = []
    engine = Engine(loaded, failed=reasons.append)
    engine.start()

    async def ask() -> None:
        job = Job(TEXTS, asyncio.get_running_loop())
        engine.submit(job)
        with pytest.raises(ApiError):
            await job.done

    run(ask())
    engine.stop()
    assert not engine.is_alive and "the device is gone" in reasons[0]


def test_who_has_left_is_not_read_for(loaded: LoadedEncoder) -> None:
    async def ask() -> None:
        engine = Engine(loaded)
        left = Job(TEXTS, asyncio.get_running_loop())
        engine._jobs.append(left)
        engine.cancel(left)
        assert engine._next() == [] and left.num_read == 0

    run(ask())
