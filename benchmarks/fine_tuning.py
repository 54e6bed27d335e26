"""Supervised fine-tuning beside TRL: a small model whole, and SmolLM2-135M with LoRA.

Besides `make setup` it takes `make peers`: TRL, and the model. Both loops get the same tokens.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from base_models.gguf_model import convert
from benchmarks.measuring import Row, keep
from cli.packaged_models import SMOLLM2
from cli.synthesis import REPOSITORY

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
PEER = "TRL 1.16 SFTTrainer"
HOW = "of processor time, one thread"
# The settings that its documentation names for speed, of those a CPU has: the faster counts.
BEST = ("packed", "packed-bf16", "grouped", "padded", "padded-bf16")
NUM_STEPS = {"small": 6, "lora": 4}
NUM_ROWS = 240
Figures = dict[str, float]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        convert(SMOLLM2.find(), Path(folder))
        small = measure("small", "small", ("ours", *BEST, "defaults"))
        keep("fine_tuning", rows_of_small(small))
        lora = measure("lora", folder, ("ours", *BEST))
    keep("fine_tuning", [*rows_of_small(small), *rows_of_lora(lora)])


def measure(kind: str, model: str, subjects: tuple[str, ...]) -> dict[str, Figures]:
    """The median of each subject's figures, measured in turn, each in a process of its own."""
    runs: dict[str, list[Figures]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name in subjects:
            runs[name].append(run(name, model, NUM_STEPS[kind]))
    return {
        name: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for name, found in runs.items()
    }


def run(subject: str, model: str, num_steps: int) -> Figures:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.sft", subject, model, str(NUM_ROWS), str(num_steps)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if said.returncode:
        raise RuntimeError(said.stderr)
    figures: Figures = json.loads(said.stdout.strip().splitlines()[-1])
    print(f"{subject} {figures}", file=sys.stderr, flush=True)
    return figures


def rows_of_small(found: dict[str, Figures]) -> list[Row]:
    ours, best = found["ours"], fastest(found)
    size = f"{ours['num_parameters'] / 1e6:.0f}M parameters, lengths as Alpaca's"
    tokens = f"{size}: tokens/s, no padding counted, {HOW}"
    return [
        rate(tokens, ours, found["defaults"], f"{PEER} at defaults", ">= 3"),
        rate(tokens, ours, found[best], f"{PEER}, {best}", ">= 1.2"),
        loss(f"{size}: held-out loss", ours, found["packed-bf16"], f"{PEER}, packed-bf16"),
    ]


def rows_of_lora(found: dict[str, Figures]) -> list[Row]:
    ours, best = found["ours"], fastest(found)
    name = f"{PEER} + peft, {best}"
    memory = Row(
        f"{SMOLLM2.title}, LoRA: most memory held, MiB",
        ours["peak_bytes"] / 2**20,
        found[best]["peak_bytes"] / 2**20,
        name,
        "<= 1",
    )
    return [
        rate(f"{SMOLLM2.title}, LoRA: tokens/s {HOW}", ours, found[best], name, ">= 1.2"),
        memory,
        loss(
            f"{SMOLLM2.title}, LoRA: held-out loss",
            ours,
            found["packed-bf16"],
            f"{PEER}, packed-bf16",
        ),
    ]


def fastest(found: dict[str, Figures]) -> str:
    return max(BEST, key=lambda name: found[name]["tokens_per_second"])


def rate(what: str, ours: Figures, peer: Figures, name: str, goal: str) -> Row:
    return Row(what, ours["tokens_per_second"], peer["tokens_per_second"], name, goal)


def loss(what: str, ours: Figures, peer: Figures, name: str) -> Row:
    """After nearly as many tokens: a step ends where an example does."""
    tokens = f"after {ours['num_tokens']:,.0f} and {peer['num_tokens']:,.0f} tokens"
    return Row(
        f"{what} {tokens}, {ROUNDS} rounds",
        ours["held_out_loss"],
        peer["held_out_loss"],
        name,
        "<= 1.02",
    )


if __name__ == "__main__":
    main()
