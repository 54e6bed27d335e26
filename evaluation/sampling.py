"""Some of many rows: the same ones on every run."""

from __future__ import annotations

from collections.abc import Sequence

from meguru.dataset_version import Row


def spread(rows: Sequence[Row], number: int) -> list[Row]:
    """At most `number` rows, evenly spread: the same ones on every run."""
    if number >= len(rows):
        return list(rows)
    return [rows[index * len(rows) // number] for index in range(number)]
