"""What the template tells this function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """`endpoints` has the name of the endpoint of each model, by the model's name in the API."""

    endpoints: dict[str, str]
    inference_table: str
    inference_stream: str
    retention_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            endpoints=json.loads(environment["ENDPOINTS"]),
            inference_table=environment["INFERENCE_TABLE"],
            inference_stream=environment["INFERENCE_STREAM"],
            retention_days=int(environment["INFERENCE_RETENTION_DAYS"]),
        )
