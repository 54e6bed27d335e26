"""A step's examples as parts: shared out among processes, each part as large as memory allows."""

from __future__ import annotations

from collections.abc import Sequence

from meguru.hyperparameters import Hyperparameters

# Indices of examples that are computed together, and what their mean loss counts for, so that the
# mean over processes of the sums over parts is the mean over all of the step's examples.
Part = tuple[list[int], float]


def num_steps(weights: Sequence[int], lengths: Sequence[int], settings: Hyperparameters) -> int:
    """How many steps make `num_epochs` epochs."""
    if settings.tokens_per_step:
        total = sum(weight * length for weight, length in zip(weights, lengths, strict=True))
        num_examples = total * settings.num_epochs / settings.tokens_per_step
        return max(1, round(num_examples))
    return max(1, settings.num_epochs * sum(weights) // settings.batch_size)


def share_out(
    indices: Sequence[int],
    lengths: Sequence[int],
    rank: int,
    num_processes: int,
    most_tokens: int,
    *,
    packing: bool,
) -> list[Part]:
    """One process's parts of a step that all share; about as many tokens for each.

    All have as many parts, as a sharded model needs: who has fewer computes an example for nothing.
    """
    shares: list[list[int]] = [[] for _ in range(num_processes)]
    loads = [0] * num_processes
    for index in sorted(indices, key=lambda one: lengths[one], reverse=True):
        least = loads.index(min(loads))
        shares[least].append(index)
        loads[least] += lengths[index]
    parts = [divide(share, lengths, most_tokens, len(indices), packing=packing) for share in shares]
    own = [(part, share * num_processes) for part, share in parts[rank]]
    shortest = min(indices, key=lambda one: lengths[one])
    return own + [([shortest], 0.0)] * (max(map(len, parts)) - len(own))


def divide(
    indices: Sequence[int],
    lengths: Sequence[int],
    most_tokens: int,
    num_examples: int,
    *,
    packing: bool,
) -> list[Part]:
    """In parts of at most `most_tokens`, padding counted, or of one example.

    `num_examples` is how many the mean is over.
    """
    parts: list[list[int]] = []
    for index in indices:
        if parts and _num_tokens([*parts[-1], index], lengths, packing=packing) <= most_tokens:
            parts[-1].append(index)
        else:
            parts.append([index])
    return [(part, len(part) / num_examples) for part in parts]


def _num_tokens(indices: Sequence[int], lengths: Sequence[int], *, packing: bool) -> int:
    own = [lengths[index] for index in indices]
    return sum(own) if packing else max(own) * len(own)
