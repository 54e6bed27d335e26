"""What the template tells this function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    environment_name: str
    inference_table: str
    feedback_table: str
    idempotency_table: str
    lake_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            environment_name=environment["ENVIRONMENT_NAME"],
            inference_table=environment["INFERENCE_TABLE"],
            feedback_table=environment["FEEDBACK_TABLE"],
            idempotency_table=environment["IDEMPOTENCY_TABLE"],
            lake_bucket=environment["LAKE_BUCKET"],
        )
