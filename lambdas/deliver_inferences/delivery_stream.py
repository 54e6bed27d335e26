"""A Firehose delivery stream that takes lines in batches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.deliver_inferences.batches import batches

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
        ended = [f"{line}\n" for line in lines]
        left = [one for batch in batches(ended, MAX_RECORDS, MAX_BYTES) for one in self._put(batch)]
        return [line.removesuffix("\n") for line in left]

    def _put(self, lines: list[str]) -> list[str]:
        records = [{"Data": line.encode()} for line in lines]
        try:
            answer = self._firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
        except (BotoCoreError, ClientError):
            logger.exception("%d lines could not be put", len(lines))
            return lines
        taken = answer["RequestResponses"]
        return [line for line, one in zip(lines, taken, strict=True) if one.get("ErrorCode")]
