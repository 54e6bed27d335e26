"""Lines in batches, as calls take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches(lines: Sequence[str], max_lines: int, max_bytes: int) -> Iterator[list[str]]:
    """The lines in their order; one that is larger than a batch may be is a batch by itself."""
    batch: list[str] = []
    num_bytes = 0
    for line in lines:
        size = len(line.encode())
        if batch and (len(batch) == max_lines or num_bytes + size > max_bytes):
            yield batch
            batch, num_bytes = [], 0
        batch.append(line)
        num_bytes += size
    if batch:
        yield batch
