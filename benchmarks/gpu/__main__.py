"""`python -m benchmarks.gpu`: 0.5B and 1.5B shapes in bf16 on the GPU that is here."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.card import Card, find_card
from benchmarks.gpu.loops import LOOPS, has_peer
from benchmarks.gpu.subject import TEXT_TOKENS, WAYS, Subject, Way, flops_per_token
from benchmarks.measuring import Row, keep_rows
from meguru.model_plan import NOMINAL_SHAPES

SHAPES = ("0.5B", "1.5B")
NUM_STEPS = 16
SUBJECTS = {"ours": ("ours", 0), "ours, compiled": ("ours", 1), "peer": ("peer", 0)}
PEER_NAME = "TRL SFTTrainer, packed, bf16"
# So that cuBLAS adds in a fixed order, as in the job.
ENVIRONMENT = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "TOKENIZERS_PARALLELISM": "false"}


class Failed(Exception):
    """A loop came to no figure; the message is its last line."""


Measure = Callable[[str, str, Way], float]


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure_here(*sys.argv[1:])))
        return
    card = find_card()
    if card is None:
        print("There is no GPU here: nothing was measured, and nothing written.")
        return
    print(f"On {card}", flush=True)
    rows = [row for name in SHAPES for row in rows_of(name, card, measure_apart)]
    keep_rows("gpu", rows)


def rows_of(name: str, card: Card, measure: Measure) -> list[dict[str, Any]]:
    """Our loop as it is and compiled, and the peer: each in the largest parts that fit."""
    found: dict[str, tuple[Way, float]] = {}
    failed = {}
    for label, (loop, compiled) in SUBJECTS.items():
        try:
            found[label] = largest(name, loop, compiled, measure)
        except Failed as error:
            failed[label] = str(error)
        print(f"{name}, {label}: {failed.get(label) or found[label]}", flush=True)
    ways = {label: dataclasses.asdict(way) for label, (way, _) in found.items()}
    facts = {"gpu": str(card), "ways": ways, "failed": failed}
    return [row.as_dict() | facts for row in figures(name, card, found)]


def figures(name: str, card: Card, found: dict[str, tuple[Way, float]]) -> list[Row]:
    """Tokens a second, and the share of the GPU's peak where that is known."""
    peer = found["peer"][1] if "peer" in found else None
    rows = []
    for label, (way, speed) in found.items():
        if label != "peer":
            beside = (peer, PEER_NAME) if peer else (None, None)
            rows.append(Row(f"{name}, {label}, tokens/s", speed, *beside))
        if card.peak is not None:
            # No text is longer than a part.
            text_tokens = min(way.part_tokens, TEXT_TOKENS)
            work = flops_per_token(NOMINAL_SHAPES[name], text_tokens)
            what = f"{name}, {label}, % of the GPU's dense peak (MFU)"
            goal = None if label == "peer" else ">= 50"
            rows.append(Row(what, 100 * speed * work / card.peak, goal=goal))
    return rows


def largest(name: str, loop: str, compiled: int, measure: Measure) -> tuple[Way, float]:
    """The figure of the first way that fits into the GPU's memory."""
    for way in WAYS:
        way = dataclasses.replace(way, compile=compiled)
        try:
            return way, measure(name, loop, way)
        except MemoryError:
            continue
    raise Failed("it does not fit into the GPU's memory")


def measure_apart(name: str, loop: str, way: Way) -> float:
    """In a process of its own, which leaves no memory taken. MemoryError where it is too little."""
    words = [str(one) for one in dataclasses.astuple(way)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", name, loop, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    )
    if done.returncode == 0:
        return float(json.loads(done.stdout.splitlines()[-1]))
    if "OutOfMemoryError" in done.stderr:
        raise MemoryError
    raise Failed((done.stderr.strip() or f"status {done.returncode}").splitlines()[-1])


def measure_here(name: str, loop: str, *words: str) -> float:
    """Tokens a second."""
    if loop == "peer" and not has_peer():
        raise Failed("TRL is not installed")
    torch.use_deterministic_algorithms(loop == "ours", warn_only=True)  # as the job does
    subject = Subject(NOMINAL_SHAPES[name], Way(*map(int, words)), NUM_STEPS)
    return LOOPS[loop](subject).tokens_per_second


if __name__ == "__main__":
    main()
