"""A plan's bytes are those of the model's shape, and what doesn't fit is told with what does."""

from __future__ import annotations

import dataclasses

import pytest

from meguru.instance_offers import GIB, OFFERS, SPOT_SHARE
from meguru.model_plan import (
    NOMINAL_SHAPES,
    OVERHEAD_BYTES,
    Workload,
    num_adapter_parameters,
    plan,
    serving_parts,
    workload,
)

SMALL, LARGE = NOMINAL_SHAPES["0.1B"], NOMINAL_SHAPES["8B"]
FULL = Workload(SMALL, "full", "ml.g5.xlarge")


def test_full_training_keeps_sixteen_bytes_a_parameter() -> None:
    parts = plan(FULL).parts
    state = parts["weights"] + parts["gradients"] + parts["optimizer"]
    assert state == 16 * SMALL.num_parameters


def test_state_is_spread_over_all_devices() -> None:
    one = plan(dataclasses.replace(FULL, shape=LARGE)).parts
    four = plan(dataclasses.replace(FULL, shape=LARGE, instance_type="ml.g5.12xlarge")).parts
    two_of_four = plan(
        dataclasses.replace(FULL, shape=LARGE, instance_type="ml.g5.12xlarge", instance_count=2)
    ).parts
    assert four["optimizer"] == pytest.approx(one["optimizer"] / 4, abs=8)
    assert two_of_four["optimizer"] == pytest.approx(one["optimizer"] / 8, abs=8)


def test_an_adapter_keeps_frozen_weights_and_state_for_its_own() -> None:
    parts = plan(dataclasses.replace(FULL, method="lora", lora_rank=8)).parts
    adapter = num_adapter_parameters(SMALL, 8)
    # By hand: of q, k, v, o, gate, up and down, in and out.
    sums = (576 + 576) + 2 * (576 + 192) + (576 + 576) + 3 * (576 + 1536)
    assert adapter == 30 * 8 * sums
    assert parts["optimizer"] == 8 * adapter
    assert parts["weights"] == 2 * SMALL.num_parameters + 4 * adapter


def test_checkpointing_trades_memory_for_time() -> None:
    without = plan(FULL)
    made_anew = plan(dataclasses.replace(FULL, activation_checkpointing=True))
    assert made_anew.parts["activations"] < without.parts["activations"]
    assert made_anew.hours > without.hours


def test_hours_and_price_follow_from_the_work() -> None:
    work = dataclasses.replace(FULL, num_tokens=10**9, num_epochs=1, spot=False)
    once, twice = plan(work), plan(dataclasses.replace(work, num_epochs=2))
    # 6 x 135M x 1e9 operations at 35 % of 70 TFLOP/s take nine hours, the attention a few more.
    assert 9 < once.hours < 14
    assert twice.hours / once.hours == pytest.approx(2, abs=0.05)
    assert once.dollars == pytest.approx(once.hours * OFFERS["ml.g5.xlarge"].dollars_an_hour)
    on_spot = plan(dataclasses.replace(work, spot=True))
    assert on_spot.dollars == pytest.approx(once.dollars * SPOT_SHARE)


def test_what_does_not_fit_is_told_with_what_does() -> None:
    made = plan(dataclasses.replace(FULL, shape=LARGE, activation_checkpointing=True))
    assert not made.fits
    fitting = made.why_not.rpartition(": it fits ")[2]
    assert plan(dataclasses.replace(made.workload, instance_type=fitting)).fits
    assert "on each GPU, and ml.g5.xlarge has 22.1 GiB" in made.why_not


def test_a_known_size_fits_where_people_train_it() -> None:
    """An 8B model in full takes more than one GPU of 80 GB, and with LoRA one of 24."""
    settings = {"max_position_embeddings": 2048, "activation_checkpointing": 1}
    lora = workload(LARGE, "ml.g5.xlarge", {**settings, "method": "lora"})
    assert plan(lora).fits
    full = workload(LARGE, "ml.p5.48xlarge", settings)
    assert plan(full).fits and plan(full).needed_bytes * 8 > 80 * GIB


def test_the_kv_cache_grows_with_context_and_callers() -> None:
    parts = serving_parts(LARGE, 8192, 4)
    # Two of 8 heads of 128 numbers, in 32 layers of 16 bits: 128 KiB a token.
    assert parts["KV cache"] == 128 * 1024 * 8192 * 4
    assert parts["overhead"] == OVERHEAD_BYTES


def test_a_cpu_serves_in_32_bits() -> None:
    gpu, cpu = (serving_parts(SMALL, 2048, 8, has_gpu=one) for one in (True, False))
    assert gpu["weights"] == 2 * SMALL.num_parameters and cpu["weights"] == 2 * gpu["weights"]
    assert cpu["KV cache"] == 2 * gpu["KV cache"]


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(ValueError, match=r"what ml.x9.large has is not known here; known are ml\."):
        plan(dataclasses.replace(FULL, instance_type="ml.x9.large"))
    with pytest.raises(ValueError, match="the method is one of full, lora, not 'qlora'"):
        plan(dataclasses.replace(FULL, method="qlora"))


@pytest.mark.parametrize("size", NOMINAL_SHAPES)
def test_the_sizes_are_what_they_are_called(size: str) -> None:
    billions = NOMINAL_SHAPES[size].num_parameters / 1e9
    assert billions == pytest.approx(float(size.removesuffix("B")), rel=0.35)
