"""What the template tells this function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    endpoint_name: str
    model_name: str
    inference_table: str
    inference_stream: str
    retention_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            endpoint_name=environment["ENDPOINT_NAME"],
            model_name=environment["MODEL_NAME"],
            inference_table=environment["INFERENCE_TABLE"],
            inference_stream=environment["INFERENCE_STREAM"],
            retention_days=int(environment["INFERENCE_RETENTION_DAYS"]),
        )
