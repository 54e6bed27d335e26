"""The reference model's log-probabilities: computed once, kept for when the run is resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from meguru.hyperparameters import Hyperparameters
from training.checkpoint_files import write_atomically
from training.distributed import World
from training.objectives.sequences import TokensAndLabels
from training.parts import divide

FILE = "reference.json"


def reference_log_probs(
    sequences: Sequence[TokensAndLabels],
    score: Callable[[Sequence[int]], list[float]],
    settings: Hyperparameters,
    world: World,
    folder: Path,
) -> list[float]:
    """What `score` says of each of `sequences` before anything is learnt.

    They are in `folder` where an earlier attempt of the run has put them: on other hardware or
    shared by other processes they would come out otherwise in their last digits.
    """
    digest = hashlib.sha256(json.dumps(list(sequences)).encode()).hexdigest()
    kept: list[float] | None = world.broadcast(
        _read(folder / FILE, digest) if world.is_first else None
    )
    if kept is not None:
        return kept
    own = _compute(sequences, score, settings, world)
    values = {index: value for share in world.gather(own) for index, value in share.items()}
    ordered = [values[index] for index in range(len(sequences))]
    if world.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"sequences_sha256": digest, "log_probs": ordered})
        write_atomically(folder / FILE, content.encode())
    return ordered


def _compute(
    sequences: Sequence[TokensAndLabels],
    score: Callable[[Sequence[int]], list[float]],
    settings: Hyperparameters,
    world: World,
) -> dict[int, float]:
    """This process's share, by index. Sequences of like length are computed together."""
    lengths = [len(tokens) for tokens, _ in sequences]
    order = sorted(range(len(sequences)), key=lambda index: lengths[index])
    most, packing = settings.max_position_embeddings, bool(settings.packing)
    parts = [part for part, _ in divide(order, lengths, most, len(order), packing=packing)]
    values: dict[int, float] = {}
    for start in range(0, len(parts), world.size):
        # A sharded model needs all processes for each of its passes: the last may repeat one.
        part = parts[min(start + world.rank, len(parts) - 1)]
        values |= dict(zip(part, score(part), strict=True))
    return values


def _read(path: Path, digest: str) -> list[float] | None:
    try:
        values = json.loads(path.read_bytes())
        return list(values["log_probs"]) if values["sequences_sha256"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
