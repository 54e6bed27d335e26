"""A blind comparison: two models' answers to one request, and the one vote on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ID_PREFIX = "cmpr-"
# What a vote says where it isn't the index of the better one.
TIE, BOTH_BAD = "tie", "both_bad"
Winner = int | str
WINNERS: tuple[Winner, ...] = (0, 1, TIE, BOTH_BAD)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of the two: the model that answered, and the answer's own id."""

    model: str
    inference_id: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared. `candidates` are in the order of the choices that the caller was given.

    `consumer` alone may vote. `is_topic_given` says that the caller named the `topic`.
    """

    comparison_id: str
    consumer: str
    created_at: str
    topic: str
    is_topic_given: bool
    candidates: tuple[Candidate, Candidate]
    # What was voted, and when; empty before.
    winner: Winner = ""
    voted_at: str = ""

    def item(self) -> dict[str, Any]:
        """As it is before the vote, in the table of votes."""
        return {
            "name": self.comparison_id,
            "consumer": self.consumer,
            "created_at": self.created_at,
            "topic": self.topic,
            "is_topic_given": self.is_topic_given,
            "models": [one.model for one in self.candidates],
            "answers": [one.inference_id for one in self.candidates],
        }

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Comparison:
        first, second = (
            Candidate(model=model, inference_id=answer)
            for model, answer in zip(item["models"], item["answers"], strict=True)
        )
        return cls(
            comparison_id=item["name"],
            consumer=item["consumer"],
            created_at=item["created_at"],
            topic=item["topic"],
            is_topic_given=item["is_topic_given"],
            candidates=(first, second),
            winner=read_winner(item.get("winner", "")),
            voted_at=item.get("voted_at", ""),
        )

    def outcomes(self, winner: Winner) -> tuple[str, str]:
        """What a vote means for each of the two, as scorecards count it."""
        if isinstance(winner, int):
            return ("losses", "wins") if winner else ("wins", "losses")
        outcome = "ties" if winner == TIE else BOTH_BAD
        return outcome, outcome


def read_winner(text: str) -> Winner:
    """A vote as it is kept, as text."""
    return int(text) if text in ("0", "1") else text
