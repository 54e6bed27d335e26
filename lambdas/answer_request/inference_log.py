"""The inference log: a record for look-up by its id, and a line for the lake."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from meguru.consumer import FULL
from meguru.records import Inference


class InferenceLog:
    """Writes each answer to the inference table and to the delivery stream of the lake."""

    def __init__(self, table: Any, firehose: Any, stream_name: str, retention_days: int) -> None:
        self._table, self._firehose = table, firehose
        self._stream_name, self._retention = stream_name, timedelta(days=retention_days)

    def write(self, inference: Inference, policy: str) -> None:
        """What was said is kept under the policy `full` alone: any other keeps what it took."""
        if policy != FULL:
            inference = replace(inference, messages=[], answer="", other_answers=[])
        record = inference.as_dict()
        expires = datetime.fromisoformat(inference.created_at) + self._retention
        self._table.put_item(Item=record | {"expires_at": int(expires.timestamp())})
        line = record | {"model_version": model_version(inference.model_package_arn)}
        self._firehose.put_record(
            DeliveryStreamName=self._stream_name,
            Record={"Data": json.dumps(line, ensure_ascii=False).encode() + b"\n"},
        )


def model_version(model_package_arn: str) -> str:
    """`GROUP-VERSION`, the model package's name without its account: a partition of the log."""
    return "-".join(model_package_arn.split("/")[-2:]) or "unknown"
