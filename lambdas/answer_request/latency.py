"""Where the time of an answer went."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Latency:
    """The moments of an answer on a monotonic clock; None: it came without that one.

    It has `begun` with the first event of its stream, which a model server sends when it has taken
    the request up. An answer in one piece has no such moment, one from the cache was never asked.
    """

    started: float = field(default_factory=time.monotonic)
    asked: float | None = None
    begun: float | None = None
    first_token: float | None = None

    def split(self) -> dict[str, int]:
        """Milliseconds from one to the next, up to now; together they are `latency_ms`."""
        asked = self.asked or time.monotonic()
        begun = self.begun or asked
        first = self.first_token or begun
        end = max(time.monotonic(), first)
        whole = [round((one - self.started) * 1000) for one in (asked, begun, first, end)]
        return {
            "latency_ms": whole[3],
            "policy_ms": whole[0],
            "queue_ms": whole[1] - whole[0],
            "first_token_ms": whole[2] - whole[1],
            "rest_ms": whole[3] - whole[2],
        }
