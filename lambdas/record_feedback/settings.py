"""What the template tells this function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    inference_table: str
    feedback_table: str
    idempotency_table: str
    lake_bucket: str
    endpoint_name: str
    context_tokens: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            inference_table=environment["INFERENCE_TABLE"],
            feedback_table=environment["FEEDBACK_TABLE"],
            idempotency_table=environment["IDEMPOTENCY_TABLE"],
            lake_bucket=environment["LAKE_BUCKET"],
            endpoint_name=environment["ENDPOINT_NAME"],
            context_tokens=int(environment["CONTEXT_TOKENS"]),
        )
