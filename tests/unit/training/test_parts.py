"""A step's examples in parts: all of them once, whoever shares them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.hyperparameters import Hyperparameters
from training.parts import divide, num_steps, share_out
from training.sampler import WeightedSampler

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=30)


@given(lengths=LENGTHS, num_processes=st.integers(1, 5), packing=st.booleans())
def test_all_examples_count_alike_and_once(
    lengths: list[int], num_processes: int, packing: bool
) -> None:
    indices = list(range(len(lengths)))
    weights = dict.fromkeys(indices, 0.0)
    for rank in range(num_processes):
        for part, share in share_out(indices, lengths, rank, num_processes, 64, packing=packing):
            for index in part:
                weights[index] += share / len(part) / num_processes
            own = [lengths[index] for index in part]
            assert len(part) == 1 or (sum(own) if packing else max(own) * len(own)) <= 64
    assert list(weights.values()) == pytest.approx([1 / len(lengths)] * len(lengths))


@given(lengths=LENGTHS)
def test_processes_have_about_as_much_to_do(lengths: list[int]) -> None:
    loads = []
    for rank in range(2):
        parts = share_out(range(len(lengths)), lengths, rank, 2, 10_000, packing=True)
        loads.append(sum(lengths[index] for part, share in parts for index in part if share))
    assert abs(loads[0] - loads[1]) <= max(lengths)


@given(lengths=LENGTHS, num_tokens=st.integers(1, 200))
def test_a_step_has_as_many_tokens_as_fit(lengths: list[int], num_tokens: int) -> None:
    sampler = WeightedSampler([1] * len(lengths), seed=3)
    other = WeightedSampler([1] * len(lengths), seed=3)
    for _ in range(5):
        indices = sampler.next_tokens(num_tokens, lengths)
        taken = sum(lengths[index] for index in indices)
        assert taken <= num_tokens or len(indices) == 1
        assert indices == other.next_batch(len(indices), 0, 1)
        following = WeightedSampler([1] * len(lengths), seed=3, position=sampler.position)
        assert taken + lengths[following.next_batch(1, 0, 1)[0]] > num_tokens


def test_one_giant_example_is_a_part_by_itself() -> None:
    assert [part for part, _ in divide([0, 1, 2], [5, 100, 5], 64, 3, packing=True)] == [
        [0],
        [1],
        [2],
    ]


def test_epochs_are_counted_in_tokens_where_steps_are() -> None:
    settings = Hyperparameters(num_epochs=3, tokens_per_step=50)
    assert num_steps([1, 2], [10, 20], settings) == 3
    assert num_steps([1, 2], [10, 20], Hyperparameters(num_epochs=3, batch_size=2)) == 4
