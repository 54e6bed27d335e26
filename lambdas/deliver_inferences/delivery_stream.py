"""A Firehose delivery stream that takes lines in batches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# Source: Firehose API reference, PutRecordBatch.
MAX_RECORDS = 500
MAX_BYTES = 4 * 1024 * 1024

logger = logging.getLogger(__name__)


class DeliveryStream:
    """`firehose` is a boto3 client."""

    def __init__(self, firehose: Any, name: str) -> None:
        self._firehose, self._name = firehose, name

    def put(self, lines: Sequence[str]) -> list[str]:
        """Put the lines; those that were not taken, which may be tried again."""
        return [one for batch in _batches(lines) for one in self._put(batch)]

    def _put(self, lines: list[str]) -> list[str]:
        records = [{"Data": f"{line}\n".encode()} for line in lines]
        try:
            answer = self._firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
        except (BotoCoreError, ClientError):
            logger.exception("%d lines could not be put", len(lines))
            return lines
        taken = answer["RequestResponses"]
        return [line for line, one in zip(lines, taken, strict=True) if one.get("ErrorCode")]


def _batches(lines: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    num_bytes = 0
    for line in lines:
        size = len(line.encode()) + 1
        if batch and (len(batch) == MAX_RECORDS or num_bytes + size > MAX_BYTES):
            yield batch
            batch, num_bytes = [], 0
        batch.append(line)
        num_bytes += size
    if batch:
        yield batch
