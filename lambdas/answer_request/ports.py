"""What stands around the model on a request's way, as far as there are several of it."""

from __future__ import annotations

from typing import Protocol

from meguru.comparison import Comparison
from meguru.consumer import Consumer
from meguru.records import Inference
from meguru.verdict import Verdict


class Consumers(Protocol):
    def of_key(self, key_id: str) -> Consumer:
        """Whose API key it is, by API Gateway's id of it; ApiError where it is nobody's (yet)."""


class ComparisonStore(Protocol):
    def put(self, comparison: Comparison) -> None:
        """Keep what was compared, for its consumer's one vote."""


class Guard(Protocol):
    def check(self, text: str, side: str) -> Verdict:
        """What the rules say of a text; `side` is "input" or "output".

        ApiError where that can't be found out: nothing passes unseen.
        """


class Log(Protocol):
    def write(self, inference: Inference, policy: str) -> None:
        """Keep the record of an answer, as much of it as the consumer's `log` policy says."""
