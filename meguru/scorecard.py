"""A model's scorecard: what became of its blind comparisons, by opponent and by topic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any

# Of a table's item, by whose attributes everything is counted: `topic/経費/wins`.
ALL, OPPONENT, TOPIC = "all", "opponent", "topic"
CONFIDENCE = 0.95


def scorecard_key(model: str, consumer: str = "") -> str:
    """The key of a model's item; of that with the topics which a consumer has named itself."""
    return f"scorecard#{model}#{consumer}" if consumer else f"scorecard#{model}"


def counter(kind: str, outcome: str, name: str = "") -> str:
    """The attribute that counts an outcome, of all comparisons or of one opponent or topic."""
    return "/".join((kind, name, outcome) if name else (kind, outcome))


@dataclass(frozen=True)
class Tally:
    """What became of comparisons. Where both were bad, neither has won."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0

    def as_dict(self) -> dict[str, Any]:
        """With the share of wins among the votes for one of the two, and its interval."""
        interval = wilson_interval(self.wins, self.wins + self.losses)
        rate = self.wins / (self.wins + self.losses) if interval else None
        low, high = interval or (None, None)
        return {
            "votes": sum(vars(self).values()),
            **vars(self),
            "win_rate": _rounded(rate),
            "low": _rounded(low),
            "high": _rounded(high),
        }


OUTCOMES = tuple(field.name for field in fields(Tally))


def tallies(item: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Tally]]:
    """The tallies of a kind in an item, by the names of opponents or topics; most votes first."""
    found: dict[str, dict[str, int]] = {}
    for attribute, value in item.items():
        first, _, rest = attribute.partition("/")
        name, _, outcome = rest.rpartition("/")
        if first == kind and outcome in OUTCOMES:
            found.setdefault(name, {})[outcome] = int(value)
    counted = [(name, Tally(**outcomes)) for name, outcomes in found.items()]
    yield from sorted(counted, key=lambda one: (-sum(vars(one[1]).values()), one[0]))


def wilson_interval(wins: int, votes: int) -> tuple[float, float] | None:
    """The 95 % interval of a share of votes; None without any.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference"
    (1927): it holds for few votes, and for shares near 0 and 1, as the normal one doesn't.
    """
    if not votes:
        return None
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, spread = wins / votes, z * z / votes
    centre = (share + spread / 2) / (1 + spread)
    width = z / (1 + spread) * math.sqrt(share * (1 - share) / votes + spread / votes / 4)
    return max(0.0, centre - width), min(1.0, centre + width)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
