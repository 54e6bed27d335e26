"""Which retrier or catcher takes an error, and how long a retrier waits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.workflows.errors import StateError

MAX_DELAY_SECONDS = 31_622_400
_TIMEOUTS = {"States.Timeout", "States.HeartbeatTimeout"}


def takes(names: Sequence[str], error: str) -> bool:
    """Whether ErrorEquals matches an error name.

    States.ALL takes all but States.Runtime, which always fails the execution. States.TaskFailed
    takes all but that, time-outs and too much data; States.Timeout also a missed heartbeat. (The
    guide says that States.ALL leaves States.DataLimitExceeded; AWS's executions don't.)
    """
    if error == "States.Runtime":
        return False
    if error in names:
        return True
    if error == "States.DataLimitExceeded":
        return "States.ALL" in names
    if error in _TIMEOUTS:
        return "States.ALL" in names or "States.Timeout" in names
    return "States.ALL" in names or "States.TaskFailed" in names


def catcher_for(state: Mapping[str, Any], error: StateError) -> int | None:
    """The number of the first catcher that takes the error."""
    catchers: Sequence[Mapping[str, Any]] = state.get("Catch", ())
    taking = (n for n, rule in enumerate(catchers) if takes(rule["ErrorEquals"], error.error))
    return next(taking, None)


class Retries:
    """The retriers of one visit of a state, and how often each has been used."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._retriers: Sequence[Mapping[str, Any]] = state.get("Retry", ())
        self._used = [0] * len(self._retriers)

    @property
    def count(self) -> int:
        """Retries so far, of all retriers."""
        return sum(self._used)

    def delay(self, error: StateError) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        for index, retrier in enumerate(self._retriers):
            if takes(retrier["ErrorEquals"], error.error):
                if self._used[index] >= retrier.get("MaxAttempts", 3):
                    return None
                self._used[index] += 1
                return _interval(retrier, self._used[index])
        return None


def _interval(retrier: Mapping[str, Any], attempt: int) -> float:
    """IntervalSeconds * BackoffRate^(attempt - 1), at most MaxDelaySeconds, jittered if asked."""
    longest = float(retrier.get("MaxDelaySeconds", MAX_DELAY_SECONDS))
    rate: float = retrier.get("BackoffRate", 2.0)
    try:
        seconds = min(retrier.get("IntervalSeconds", 1) * rate ** (attempt - 1), longest)
    except OverflowError:
        seconds = longest
    if retrier.get("JitterStrategy") == "FULL":
        return random.uniform(0, seconds)
    return float(seconds)
