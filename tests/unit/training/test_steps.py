"""What a step is made of: packed or padded, shared or alone, recomputed or kept, it is one step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from tests.unit.training.base_models import write_base
from tests.unit.training.conftest import make_rows, write_dataset

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


@pytest.fixture
def make_adapters(make_job: MakeJob, tmp_path: Path) -> MakeJob:
    """Jobs that train an adapter in one base model."""
    base = write_base(tmp_path / "base", "qwen2")

    def make(name: str, **values: str) -> Any:
        job = make_job(name, method="lora", **values)
        for one in ("hidden_size", "intermediate_size", "num_attention_heads"):
            del job.hyperparameters[one]
        job.write()
        (job.root / "input" / "data" / "base").symlink_to(base)
        return job

    return make


def kill_after(job: Any, step: int) -> None:
    processes = job.fork(world_size=2)
    job.wait_for_checkpoint(step)
    for process in processes:
        process.kill()
        process.join()


def adapter_of(job: Any) -> bytes:
    path: Path = job.root / "model" / "adapter" / "adapter_model.safetensors"
    return path.read_bytes()


def write_preferences(job: Any) -> None:
    """Each row with a worse answer, and a vote."""
    folder = job.root / "input" / "data" / "dataset"
    rows = []
    for index, row in enumerate(make_rows()):
        said = {"user": row.pop("question"), "assistant": row.pop("answer")}
        messages = [{"role": role, "content": content} for role, content in said.items()]
        vote = {"rejected": "No idea.", "rating": 1 - 2 * (index % 2), "train_turns": "last"}
        rows.append({**row, "messages": messages, **vote})
    write_dataset(folder, rows)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))


def test_resumed_with_all_of_it_is_bit_identical(make_adapters: MakeJob) -> None:
    values = {
        "packing": "1",
        "tokens_per_step": "300",
        "activation_checkpointing": "1",
        "max_steps": "40",
    }
    whole, killed = make_adapters("whole", **values), make_adapters("killed", **values)
    assert whole.train(world_size=2) == [0, 0]
    kill_after(killed, 10)
    assert killed.train(world_size=2) == [0, 0]
    assert killed.facts()["resumed_from_steps"]
    assert adapter_of(killed) == adapter_of(whole)


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_preferences_are_learnt_and_resumed(make_adapters: MakeJob, objective: str) -> None:
    values = {"objective": objective, "packing": "1", "learning_rate": "0.01", "max_steps": "40"}
    whole, killed = make_adapters("whole", **values), make_adapters("killed", **values)
    for job in (whole, killed):
        write_preferences(job)
    assert whole.train(world_size=2) == [0, 0]
    kill_after(killed, 10)
    assert killed.train(world_size=2) == [0, 0]
    assert adapter_of(killed) == adapter_of(whole)
    assert losses(whole)[0] == pytest.approx({"dpo": 0.6931, "kto": 0.5}[objective], abs=0.02)
    assert losses(whole)[-1] < 0.95 * losses(whole)[0]


@pytest.mark.parametrize("objective", ["causal_lm", "dpo"])
def test_a_sharded_model_learns_the_same_adapter(make_adapters: MakeJob, objective: str) -> None:
    values = {"objective": objective, "packing": "1", "tokens_per_step": "300", "max_steps": "4"}
    copies, parts = (
        make_adapters(sharding, sharding=sharding, **values, **PLAIN)
        for sharding in ("none", "fsdp")
    )
    for job in (copies, parts):
        write_preferences(job)
        assert job.train(world_size=2) == [0, 0]
    assert losses(parts) == pytest.approx(losses(copies), abs=2e-5)
    one, other = load(adapter_of(copies)), load(adapter_of(parts))
    assert one.keys() == other.keys()
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_merging_a_sharded_model_is_refused_before_it_is_trained(
    make_adapters: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_adapters("job", merge="1", sharding="fsdp", max_steps="4")
    assert job.train() == [1]
    assert "hyperparameter merge=1: the model is sharded" in capfd.readouterr().err
