"""What the template tells this function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A model's endpoint, and the context length in tokens that its versions are trained with."""

    endpoint_name: str
    context_tokens: int


@dataclass(frozen=True)
class Settings:
    """`models` are by their names in the API."""

    environment_name: str
    inference_table: str
    feedback_table: str
    consumer_table: str
    vote_table: str
    idempotency_table: str
    lake_bucket: str
    models: dict[str, Model]
    cors_origins: list[str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            environment_name=environment["ENVIRONMENT_NAME"],
            inference_table=environment["INFERENCE_TABLE"],
            feedback_table=environment["FEEDBACK_TABLE"],
            consumer_table=environment["CONSUMER_TABLE"],
            vote_table=environment["VOTE_TABLE"],
            idempotency_table=environment["IDEMPOTENCY_TABLE"],
            lake_bucket=environment["LAKE_BUCKET"],
            models={
                name: Model(endpoint_name, context_tokens)
                for name, (endpoint_name, context_tokens) in json.loads(
                    environment["MODELS"]
                ).items()
            },
            cors_origins=json.loads(environment["CORS_ORIGINS"]),
        )
