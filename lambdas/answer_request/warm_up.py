"""How long a model takes until a copy of it answers, told to those who ask meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from meguru.api_errors import Warming

# The alarm on requests that find no copy looks at whole minutes.
ALARM_SECONDS = 60
LEAST_SECONDS = 10


class WarmUp:
    """`start_seconds` says how long a start took last, None where that isn't known.

    It begins with the first request that this process sees refused.
    """

    def __init__(
        self,
        start_seconds: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start_seconds, self._clock = start_seconds, clock
        self._since: float | None = None

    def refuse(self) -> Warming:
        """What a caller is told that finds no copy now: no less than a little."""
        started = self._start_seconds()
        if started is None:
            return Warming()
        whole, now = started + ALARM_SECONDS, self._clock()
        # One that takes twice as long has been ready meanwhile, and gone again.
        if self._since is None or now - self._since > 2 * whole:
            self._since = now
        return Warming(max(LEAST_SECONDS, round(whole - (now - self._since))))

    def end(self) -> None:
        """A copy has answered."""
        self._since = None
