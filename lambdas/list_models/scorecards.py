"""Models' scorecards, as the votes so far have made them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meguru.scorecard import ALL, OPPONENT, TOPIC, Tally, scorecard_key, tallies


class Scorecards:
    """The table of votes, as boto3's resource has it."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def of(self, model: str, consumer: str, known: frozenset[str]) -> dict[str, Any]:
        """A model's votes, by opponents among those that `consumer` has `known`, and by topics.

        Topics that consumers have named are of their own votes alone.
        """
        item, own = self._item(scorecard_key(model)), self._item(scorecard_key(model, consumer))
        [whole] = [tally for _, tally in tallies(item, ALL)] or [Tally()]
        return {
            "object": "model.scorecard",
            "model": model,
            **whole.as_dict(),
            "opponents": [
                {"model": name, **tally.as_dict()}
                for name, tally in tallies(item, OPPONENT)
                if name in known
            ],
            "topics": list(_topics(item, own)),
        }

    def _item(self, name: str) -> dict[str, Any]:
        item: dict[str, Any] = self._table.get_item(Key={"name": name}, ConsistentRead=True).get(
            "Item", {}
        )
        return item


def _topics(item: dict[str, Any], own: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By its form, and as this consumer has named it: the same word may be both."""
    for source, counted in (("rule", item), ("metadata", own)):
        for topic, tally in tallies(counted, TOPIC):
            yield {"topic": topic, "source": source, **tally.as_dict()}
