"""Sharding: who gets copies and who gets parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from meguru.hyperparameters import Hyperparameters
from training import sharding
from training.distributed import World

MakeJob = Callable[..., Any]
GPU = torch.device("cuda", 0)


class Card:
    total_memory = 16 * 1000


@pytest.mark.parametrize(
    ("world", "num_parameters", "expected"),
    [
        (World(0, 2, GPU), 240, False),
        (World(0, 2, GPU), 260, True),
        (World(0, 1, GPU), 260, False),
        (World(0, 2, torch.device("cpu")), 260, False),
    ],
)
def test_auto_shards_what_fills_the_gpus(
    monkeypatch: pytest.MonkeyPatch, world: World, num_parameters: int, expected: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Card)
    model = nn.Linear(num_parameters, 1, bias=False)
    assert sharding.is_sharded(model, Hyperparameters(), world) is expected


@pytest.mark.parametrize("asked", ["none", "fsdp"])
def test_what_is_asked_for_is_done(asked: str) -> None:
    settings = Hyperparameters(sharding=asked)
    world = World(0, 2, torch.device("cpu"))
    assert sharding.is_sharded(nn.Linear(2, 2), settings, world) is (asked == "fsdp")


class WithBuffer(nn.Linear):
    """Rotary embeddings have one like it."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.register_buffer("frequencies", torch.ones(2))


@pytest.mark.filterwarnings("error::FutureWarning")
def test_copies_exchange_no_buffers(tmp_path: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        model, world = WithBuffer(), World(0, 1, torch.device("cpu"))
        copies = sharding.distribute(
            model, cast(Any, model), Hyperparameters(), world, sharded=False
        )
        assert isinstance(copies, DistributedDataParallel)
        assert not copies.will_sync_module_buffers()  # type: ignore[no-untyped-call]
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [
        ("auto", GPU, torch.bfloat16),
        ("bf16", GPU, torch.bfloat16),
        ("fp32", GPU, None),
        ("auto", torch.device("cpu"), None),
    ],
)
def test_parts_are_gathered_in_the_precision_that_is_asked_for(
    precision: str, device: torch.device, expected: torch.dtype | None
) -> None:
    policy = sharding.mixed_precision(Hyperparameters(precision=precision), device)
    assert (policy.param_dtype, policy.reduce_dtype) == (expected, torch.float32)


def test_each_rank_writes_its_part_and_the_model_is_whole(make_job: MakeJob) -> None:
    job = make_job(max_steps="12", checkpoint_steps="10", sharding="fsdp")
    assert job.train(world_size=2) == [0, 0]

    folder = job.root / "checkpoints" / "step-00000010"
    manifest = json.loads((folder / "manifest.json").read_text())
    sizes = {one["name"]: one["bytes"] for one in manifest["files"]}
    assert sorted(sizes) == ["rank-00000.safetensors", "rank-00001.safetensors"]
    assert max(sizes.values()) < 0.6 * sum(sizes.values())
    # Sharded gradients are summed in another order: alike, not bit-identical.
    copies = make_job("copies", max_steps="12")
    assert copies.train(world_size=2) == [0, 0]
    assert len(job.weights()) == len(copies.weights())
    assert job.facts()["final_loss"] == pytest.approx(copies.facts()["final_loss"], rel=1e-3)
