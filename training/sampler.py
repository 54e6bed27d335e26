"""The order of examples: a pure function of the seed and a position that is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass
class WeightedSampler:
    """An endless stream of example indices, shuffled anew each epoch.

    An example of weight w comes w times an epoch. `position` counts indices drawn over all
    processes; with the seed it is the sampler's whole state.
    """

    weights: Sequence[int]
    seed: int
    position: int = 0

    def __post_init__(self) -> None:
        self._indices = [i for i, weight in enumerate(self.weights) for _ in range(weight)]
        self._epoch, self._order = -1, list[int]()

    @property
    def epoch_length(self) -> int:
        return len(self._indices)

    def next_batch(self, batch_size: int, rank: int, world_size: int) -> list[int]:
        """This rank's share of the next `batch_size` indices; all ranks move on together."""
        positions = range(self.position, self.position + batch_size)
        self.position += batch_size
        return [self._at(position) for position in positions[rank::world_size]]

    def next_tokens(self, num_tokens: int, lengths: Sequence[int]) -> list[int]:
        """The next indices whose `lengths` are at most `num_tokens` together, but at least one.

        They are all ranks': how many share them makes no difference.
        """
        indices: list[int] = []
        room = num_tokens
        while not indices or lengths[self._at(self.position)] <= room:
            index = self._at(self.position)
            indices.append(index)
            room -= lengths[index]
            self.position += 1
        return indices

    def _at(self, position: int) -> int:
        epoch, offset = divmod(position, self.epoch_length)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            permutation = torch.randperm(self.epoch_length, generator=generator)
            self._epoch, self._order = epoch, permutation.tolist()
        return self._indices[self._order[offset]]
