"""Consumers of the API that an environment file declares: what each may use and spend."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meguru.consumer import (
    LIMITS,
    MAX_CONSUMER_NAME,
    MAX_LIMIT,
    Consumer,
    is_consumer_name,
    limit_problems,
)
from stacks.environment.refusals import only, refusal, refusals
from stacks.environment.section import Settings
from stacks.environment.values import ModelName

# What CloudFormation hands to a function has to hold them twice.
MAX_CONSUMERS = 100


def _check_each_once(models: list[str]) -> list[str]:
    if twice := sorted({name for name in models if models.count(name) > 1}):
        raise refusal(f"{twice[0]} stands here twice")
    return models


ConsumerName = Annotated[
    str,
    only(
        is_consumer_name,
        f"a consumer's name: 1 to {MAX_CONSUMER_NAME} lower-case letters and digits, in words with "
        "single hyphens between them",
    ),
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Models = Annotated[
    list[ModelName], Field(min_length=1, max_length=100), AfterValidator(_check_each_once)
]


class DeclaredConsumer(Settings):
    """What a consumer may use: without `models` all; without a limit, what the API's limits allow.

    Days and months are those of the environment's time zone. `log` is how much of what is asked
    and answered the inference log keeps.
    """

    models: Models | None = None
    requests_per_minute: Limit | None = None
    tokens_per_minute: Limit | None = None
    tokens_per_day: Limit | None = None
    tokens_per_month: Limit | None = None
    log: Literal["full", "redacted", "summary"] = "full"

    @model_validator(mode="after")
    def check_limits(self) -> Self:
        values = {name: getattr(self, name) for name in LIMITS}
        if found := limit_problems(values):
            raise refusals(found, values)
        return self

    def named(self, name: str) -> Consumer:
        limits = {limit: getattr(self, limit) for limit in LIMITS}
        models = None if self.models is None else frozenset(self.models)
        return Consumer(name=name, models=models, log=self.log, is_declared=True, **limits)


DeclaredConsumers = Annotated[dict[ConsumerName, DeclaredConsumer], Field(max_length=MAX_CONSUMERS)]
