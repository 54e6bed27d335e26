"""Another name in the API: for a model that is drawn by weight, or for two that are compared."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Alias:
    """One of `weights` answers, by its weight; or two of `between` do, side by side and blind."""

    name: str
    weights: Mapping[str, int] = field(default_factory=dict)
    between: tuple[str, ...] = ()

    @classmethod
    def read(cls, name: str, value: Mapping[str, int] | list[str]) -> Alias:
        """As an environment file has it: models with their weights, or a list of models."""
        if isinstance(value, list):
            return cls(name=name, between=tuple(value))
        return cls(name=name, weights=dict(value))

    @property
    def models(self) -> tuple[str, ...]:
        """All that may answer."""
        return self.between or tuple(self.weights)

    def drawn(self, asker: str) -> list[str]:
        """The models in the order in which they are asked: the others where the first can't.

        The same for the same `asker`, and over many each model is first as often as its weight
        says; where a weight changes, no more askers change their model than have to. Source:
        Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005), the logarithmic
        method.
        """
        return sorted(self.weights, key=lambda model: self._distance(model, asker))

    def _distance(self, model: str, asker: str) -> float:
        content = json.dumps([self.name, model, asker]).encode()
        number = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
        return -math.log((number + 1) / (2**64 + 1)) / self.weights[model]

    def pair(self) -> tuple[str, str]:
        """Two of the compared, in an order that nobody can know."""
        first, second = secrets.SystemRandom().sample(self.between, 2)
        return first, second


def read_aliases(told: str) -> dict[str, Alias]:
    """The aliases by their names, as JSON has them in the form of an environment file."""
    values: dict[str, Any] = json.loads(told)
    return {name: Alias.read(name, value) for name, value in values.items()}
