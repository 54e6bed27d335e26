"""The sampler: weights, ranks, epochs, and a state that is one number."""

from __future__ import annotations

from collections import Counter

from training.sampler import WeightedSampler


def test_weight_is_the_number_of_times_an_epoch() -> None:
    sampler = WeightedSampler([1, 4, 1], seed=0)
    assert Counter(sampler.next_batch(6, 0, 1)) == {0: 1, 1: 4, 2: 1}


def test_ranks_share_a_batch_without_overlap() -> None:
    whole = WeightedSampler([1] * 8, seed=1).next_batch(8, 0, 1)
    shares = [WeightedSampler([1] * 8, seed=1).next_batch(8, rank, 2) for rank in (0, 1)]
    assert sorted(shares[0] + shares[1]) == sorted(whole)
    assert not set(shares[0]) & set(shares[1])


def test_position_is_the_whole_state() -> None:
    whole = WeightedSampler([1, 2, 3], seed=2)
    batches = [whole.next_batch(4, 0, 1) for _ in range(6)]
    resumed = WeightedSampler([1, 2, 3], seed=2, position=12)
    assert [resumed.next_batch(4, 0, 1) for _ in range(3)] == batches[3:]


def test_epochs_differ() -> None:
    sampler = WeightedSampler([1] * 50, seed=3)
    assert sampler.next_batch(50, 0, 1) != sampler.next_batch(50, 0, 1)
