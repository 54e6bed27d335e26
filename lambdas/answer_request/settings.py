"""What the template tells this function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meguru.alias import Alias, read_aliases
from meguru.billing import Billing


@dataclass(frozen=True)
class CacheSettings:
    """Where answers are kept: `dynamodb://TABLE`, `rediss://host:port`; "": nowhere."""

    store: str
    seconds: int


@dataclass(frozen=True)
class Settings:
    """`models` has each model's endpoint and the most tokens of an answer without a limit.

    `embedders` has the endpoints of the embedding models. Which version of each serves is in
    `release_table`.
    """

    models: dict[str, tuple[str, int]]
    embedders: dict[str, str]
    aliases: dict[str, Alias]
    guard: dict[str, Any]
    consumer_table: str
    inference_table: str
    inference_queue: str
    retention_days: int
    ledger_table: str
    release_table: str
    vote_table: str
    billing: Billing
    cors_origins: list[str]
    cache: CacheSettings

    @property
    def endpoints(self) -> dict[str, str]:
        """The name of each model's endpoint, by the model's name in the API."""
        texts = {name: endpoint_name for name, (endpoint_name, _) in self.models.items()}
        return texts | self.embedders

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            models={
                name: (endpoint_name, answer_tokens)
                for name, (endpoint_name, answer_tokens) in json.loads(
                    environment["MODELS"]
                ).items()
            },
            embedders=json.loads(environment["EMBEDDERS"]),
            aliases=read_aliases(environment["ALIASES"]),
            guard=json.loads(environment["GUARD"]),
            consumer_table=environment["CONSUMER_TABLE"],
            inference_table=environment["INFERENCE_TABLE"],
            inference_queue=environment["INFERENCE_QUEUE"],
            retention_days=int(environment["INFERENCE_RETENTION_DAYS"]),
            ledger_table=environment["LEDGER_TABLE"],
            release_table=environment["RELEASE_TABLE"],
            vote_table=environment["VOTE_TABLE"],
            billing=Billing.from_json(environment["BILLING"]),
            cors_origins=json.loads(environment["CORS_ORIGINS"]),
            cache=CacheSettings(
                store=environment["CACHE_STORE"],
                seconds=int(environment["CACHE_SECONDS"]),
            ),
        )
