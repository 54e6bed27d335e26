"""What the template tells this function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from meguru.billing import Billing


@dataclass(frozen=True)
class Settings:
    """`models` has each model's endpoint and context in tokens, by the model's name in the API."""

    models: dict[str, tuple[str, int]]
    inference_table: str
    inference_queue: str
    retention_days: int
    ledger_table: str
    billing: Billing

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            models={
                name: (endpoint_name, context_tokens)
                for name, (endpoint_name, context_tokens) in json.loads(
                    environment["MODELS"]
                ).items()
            },
            inference_table=environment["INFERENCE_TABLE"],
            inference_queue=environment["INFERENCE_QUEUE"],
            retention_days=int(environment["INFERENCE_RETENTION_DAYS"]),
            ledger_table=environment["LEDGER_TABLE"],
            billing=Billing.from_json(environment["BILLING"]),
        )
