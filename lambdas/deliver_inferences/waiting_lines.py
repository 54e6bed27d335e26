"""The queue in which lines wait that could not be delivered."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.deliver_inferences.batches import batches

# Source: SQS API reference, SendMessageBatch. Of all messages together.
MAX_MESSAGES = 10
MAX_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


class WaitingLines:
    """`sqs` is a boto3 client. Each message has one line."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs, self._queue_url = sqs, queue_url

    def add(self, lines: Sequence[str]) -> list[str]:
        """Have the lines wait; those that the queue doesn't take either.

        A queue that fails is not asked again for the others: each could be waited for in vain.
        """
        messages = {json.dumps({"line": line}, ensure_ascii=False): line for line in lines}
        refused: set[str] = set()
        sent = 0
        try:
            for batch in batches(list(messages), MAX_MESSAGES, MAX_BYTES):
                refused |= self._send(batch)
                sent += len(batch)
        except (BotoCoreError, ClientError):
            logger.exception("lines could not be set aside")
        return [
            line
            for number, (message, line) in enumerate(messages.items())
            if number >= sent or message in refused
        ]

    def _send(self, messages: list[str]) -> set[str]:
        """Those of the messages that were refused."""
        entries = [{"Id": str(n), "MessageBody": one} for n, one in enumerate(messages)]
        answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        return {messages[int(one["Id"])] for one in answer.get("Failed", [])}
