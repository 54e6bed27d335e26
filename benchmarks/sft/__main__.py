"""`python -m benchmarks.sft WHO MODEL ROWS STEPS`: one run; its figures as a line of JSON."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import torch

from benchmarks.sft.subject import NUM_THREADS, Count, base_model, small_model


def main(who: str, model: str, num_rows: str, num_steps: str) -> None:
    torch.set_num_threads(NUM_THREADS)
    sizes = int(num_rows), int(num_steps)
    subject = small_model(*sizes) if model == "small" else base_model(Path(model), *sizes)
    count = Count()
    # The peak from here on: what it took to load the model is not of the training.
    Path("/proc/self/clear_refs").write_text("5")
    if who == "ours":
        from benchmarks.sft import ours

        ours.train(subject, count)
    else:
        from benchmarks.sft import peer

        peer.train(subject, count, who)
    figures = {
        "tokens_per_second": count.tokens_per_second,
        "num_tokens": count.num_tokens,
        "peak_bytes": peak_bytes(),
        "num_parameters": sum(one.numel() for one in subject.model.parameters()),
        "held_out_loss": subject.held_out_loss(),
    }
    print(json.dumps(figures))


def peak_bytes() -> int:
    """The most that this process held at once."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
