"""What tokens cost, in millionths of the currency: whole numbers, whose sums are exact."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# A price is that of as many tokens as the currency has of these: a token costs its price in them.
MILLIONTHS = 1_000_000
_FREE = Decimal(0)


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in the currency; `cached` is for tokens of answers from the cache."""

    prompt: Decimal = _FREE
    completion: Decimal = _FREE
    cached: Decimal = _FREE

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Price:
        """A price of numbers or texts; as JSON's numbers are read, 0.1 is a tenth."""
        return cls(**{name: Decimal(str(value)) for name, value in values.items()})

    def of(self, prompt_tokens: int, completion_tokens: int) -> int:
        """What an answer costs, in millionths; a part of one counts as a whole."""
        return math.ceil(self.prompt * prompt_tokens + self.completion * completion_tokens)

    def of_cached(self, tokens: int) -> int:
        return math.ceil(self.cached * tokens)

    def most(self, tokens: int) -> int:
        """The most that `tokens` can cost, however many of them are the answer's."""
        return math.ceil(max(self.prompt, self.completion) * tokens)


NO_PRICE = Price()
