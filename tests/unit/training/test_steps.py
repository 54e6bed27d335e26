"""What a step is made of: packed or padded, shared or alone, recomputed or kept, it is one step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.base_models import write_base

MakeJob = Callable[..., Any]
PLAIN = {"dropout": "0", "question_dropout": "0", "context_ratio": "0"}


def losses(job: Any) -> list[float]:
    return [one["loss"] for one in job.curve() if "loss" in one]


@pytest.mark.parametrize(
    "values",
    [
        {"packing": "1"},
        {"packing": "1", "max_position_embeddings": "64"},  # in several parts
        {"activation_checkpointing": "1"},
    ],
)
def test_the_same_losses_as_padded(make_job: MakeJob, values: dict[str, str]) -> None:
    padded = make_job("padded", max_steps="5", checkpoint_steps="0", **PLAIN)
    other = make_job("other", max_steps="5", **{**PLAIN, **values})
    assert padded.train() == other.train() == [0]
    assert losses(other) == pytest.approx(losses(padded), abs=2e-5)
    config = json.loads((other.root / "model" / "config.json").read_text())
    assert not any("attn_implementation" in name for name in config)


@pytest.mark.parametrize("packing", ["0", "1"])
def test_a_step_is_the_same_whoever_shares_it(make_job: MakeJob, packing: str) -> None:
    values = {"max_steps": "6", "tokens_per_step": "300", "packing": packing, **PLAIN}
    alone, shared = make_job("alone", **values), make_job("shared", **values)
    assert alone.train() == [0]
    assert shared.train(world_size=2) == [0, 0]
    assert losses(shared) == pytest.approx(losses(alone), abs=2e-5)


def test_processes_without_an_example_wait_for_the_others(make_job: MakeJob) -> None:
    job = make_job(max_steps="3", tokens_per_step="1", packing="1", **PLAIN)
    assert job.train(world_size=2) == [0, 0]
    assert job.facts()["num_steps"] == 3


def test_resumed_with_all_of_it_is_bit_identical(make_job: MakeJob, tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", "qwen2")
    values = {
        "method": "lora",
        "packing": "1",
        "tokens_per_step": "300",
        "activation_checkpointing": "1",
        "max_steps": "40",
    }
    jobs = []
    for name in ("whole", "killed"):
        job = make_job(name, **values)
        for one in ("hidden_size", "intermediate_size", "num_attention_heads"):
            del job.hyperparameters[one]
        job.write()
        (job.root / "input" / "data" / "base").symlink_to(base)
        jobs.append(job)
    whole, killed = jobs
    assert whole.train(world_size=2) == [0, 0]
    processes = killed.fork(world_size=2)
    killed.wait_for_checkpoint(10)
    for process in processes:
        process.kill()
        process.join()
    assert killed.train(world_size=2) == [0, 0]
    assert killed.facts()["resumed_from_steps"]
    path = Path("model", "adapter", "adapter_model.safetensors")
    assert (killed.root / path).read_bytes() == (whole.root / path).read_bytes()
