"""The inference log: each answer's record in the table, from where it is delivered to the lake."""

from __future__ import annotations

import json
import logging
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.answer_request.signed.calls import Patience
from meguru.attribute_values import to_item
from meguru.log_policy import kept
from meguru.records import Inference

# Nobody waits for a record for longer than twice this.
IMPATIENT = Patience(connect_timeout=1, read_timeout=1, attempts=2)
# Of what no queue took either, this process keeps so much to try again.
MAX_UNSENT = 100

logger = logging.getLogger(__name__)


class InferenceLog:
    """Writes to the table; what it doesn't take waits in a queue. No answer fails for its record.

    `dynamodb` and `sqs` are clients such as boto3's.
    """

    def __init__(
        self, dynamodb: Any, table_name: str, sqs: Any, queue_url: str, retention_days: int
    ) -> None:
        self._dynamodb, self._table_name = dynamodb, table_name
        self._sqs, self._queue_url = sqs, queue_url
        self._retention = timedelta(days=retention_days)
        self._unsent: deque[str] = deque(maxlen=MAX_UNSENT)

    def write(self, inference: Inference, policy: str) -> None:
        """Keep of it what the policy says."""
        expires = datetime.fromisoformat(inference.created_at) + self._retention
        record = kept(inference, policy).as_dict()
        item = to_item(record | {"expires_at": int(expires.timestamp())})
        try:
            self._dynamodb.put_item(TableName=self._table_name, Item=item)
        except (BotoCoreError, ClientError):
            logger.exception("the record of %s is set aside", inference.inference_id)
            self._unsent.append(json.dumps({"item": item}, ensure_ascii=False))
        self._send_unsent()

    def _send_unsent(self) -> None:
        while self._unsent:
            body = self._unsent.popleft()
            try:
                self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)
            except (BotoCoreError, ClientError):
                logger.exception("%d records wait in this process", len(self._unsent) + 1)
                self._unsent.appendleft(body)
                return
