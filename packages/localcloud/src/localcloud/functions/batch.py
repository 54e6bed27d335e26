"""What batches of records from queues and streams have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.events.patterns import matches
from localcloud.functions.invoker import Outcome

Record = dict[str, Any]


class Filter:
    """A mapping's FilterCriteria: a record passes where any of its patterns matches."""

    def __init__(self, criteria: Mapping[str, Any] | None) -> None:
        filters = (criteria or {}).get("Filters", [])
        self._patterns: list[dict[str, Any]] = [json.loads(f["Pattern"]) for f in filters]

    def passes(self, record: Record) -> bool:
        if not self._patterns:
            return True
        return any(matches(pattern, _as_asked(record, pattern)) for pattern in self._patterns)


def failed_items(outcome: Outcome, identifiers: Iterable[str], reports: bool) -> list[str]:
    """The identifiers of a batch that its function has not dealt with, in the batch's order.

    A function that `reports` names them in `batchItemFailures`; a report that is not understood
    fails the whole batch. Source: "Reporting batch item failures" in Lambda's guide.
    """
    everything = list(identifiers)
    if outcome.failed:
        return everything
    if not reports:
        return []
    try:
        report = json.loads(outcome.payload) or {}
        named = {failure["itemIdentifier"] for failure in report.get("batchItemFailures") or []}
    except (ValueError, KeyError, TypeError, AttributeError):
        return everything
    if not named <= set(everything):
        return everything
    return [identifier for identifier in everything if identifier in named]


def _as_asked(record: Record, pattern: dict[str, Any]) -> Record:
    # A pattern with an object for the body looks into bodies that are JSON.
    if not isinstance(pattern.get("body"), dict) or not isinstance(record.get("body"), str):
        return record
    try:
        return record | {"body": json.loads(record["body"])}
    except ValueError:
        return record
