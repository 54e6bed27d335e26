"""The loss curve: what was measured at which step, and where the run was resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any


class LossCurve:
    """Events in order, as JSON lines. It travels inside checkpoints, so no interruption cuts it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.events: list[dict[str, Any]] = []
        self._clock = clock
        self._started_at = clock()
        self._seconds_before = 0.0
        self._resumed_from = 0

    @property
    def seconds(self) -> float:
        """Seconds of training, over all attempts."""
        return self._seconds_before + self._clock() - self._started_at

    def record(
        self, step: int, num_steps: int, num_tokens: float, measured: Mapping[str, float]
    ) -> None:
        """Note `step` of `num_steps`, and print it: a line of name=value with spaces between.

        `num_tokens` counts the tokens since the last noted step of this attempt, whose pace tells
        the seconds that are left; `measured` is kept as it is.
        """
        last = next((event for event in reversed(self.events) if "seconds" in event), None)
        elapsed = self.seconds - (last["seconds"] if last else 0.0)
        pace = (self._clock() - self._started_at) / (step - self._resumed_from)
        event = {
            "step": step,
            "num_steps": num_steps,
            **{name: float(f"{value:.6g}") for name, value in measured.items()},
            "seconds": round(self.seconds, 3),
            "seconds_left": round(pace * (num_steps - step), 1),
            "tokens_per_second": round(num_tokens / max(elapsed, 1e-6), 1),
        }
        self.events.append(event)
        print(" ".join(f"{name}={value}" for name, value in event.items()), flush=True)

    @property
    def resumed_from_steps(self) -> list[int]:
        return [one["step"] for one in self.events if one.get("event") == "resumed"]

    @property
    def last_loss(self) -> float | None:
        losses = [float(one["loss"]) for one in self.events if "loss" in one]
        return losses[-1] if losses else None

    def dump(self) -> bytes:
        return "".join(json.dumps(event) + "\n" for event in self.events).encode()

    def resume(self, content: bytes, step: int, seconds: float) -> None:
        """Continue the curve that a checkpoint of `step` holds, after `seconds` of training."""
        self.events = [json.loads(line) for line in content.splitlines()]
        self.events.append({"event": "resumed", "step": step})
        self._seconds_before, self._started_at = seconds, self._clock()
        self._resumed_from = step
        print(f"event=resumed step={step}", flush=True)
