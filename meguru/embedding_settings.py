"""How a model makes one vector of a text: a file of its own beside the weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from meguru.embedding_request import INPUT_TYPES, MAX_TEXT_TOKENS
from meguru.fingerprint import canonical_json

FILE = "embedding.json"
# The mean of what the model makes of each token, or what it makes of the first.
POOLINGS = ("mean", "cls")


@dataclass(frozen=True)
class EmbeddingSettings:
    """`max_tokens` are of a text with all that stands around it; `dimensions` the vector's numbers.

    Vectors of a model that `can_shorten` mean something also where they are cut, and made of length
    1 again. `prompts` are the words before a text, by its input type.
    """

    pooling: str
    max_tokens: int
    dimensions: int
    normalise: bool = True
    can_shorten: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes | str) -> Self:
        """Read the file; ValueError names what is wrong in it."""
        try:
            values = json.loads(content)
            settings = cls(**values)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{FILE} can't be read: {error}") from error
        settings.check()
        return settings

    def check(self) -> None:
        """ValueError names a value that it can't have."""
        allowed = {
            "pooling": (self.pooling in POOLINGS, f"one of {', '.join(POOLINGS)}"),
            "max_tokens": (_is_count(self.max_tokens), f"from 1 to {MAX_TEXT_TOKENS}"),
            "dimensions": (_is_count(self.dimensions, 65_536), "the number of a vector's numbers"),
            "normalise": (isinstance(self.normalise, bool), "true or false"),
            "can_shorten": (isinstance(self.can_shorten, bool), "true or false"),
            "prompts": (_are_prompts(self.prompts), f"texts by {' and '.join(INPUT_TYPES)}"),
        }
        for name, (is_right, wanted) in allowed.items():
            if not is_right:
                raise ValueError(f"{FILE}: {name} has to be {wanted}, not {getattr(self, name)!r}")

    def to_json(self) -> bytes:
        return canonical_json(dataclasses.asdict(self))


def _is_count(value: object, most: int = MAX_TEXT_TOKENS) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _are_prompts(prompts: Any) -> bool:
    return isinstance(prompts, dict) and all(
        name in INPUT_TYPES and isinstance(text, str) for name, text in prompts.items()
    )
