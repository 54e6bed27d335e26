"""What an environment file may say. What has a default need not stand in it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meguru.billing import Billing
from meguru.names import OWNER_TAG, component_log_name, endpoint_log_name, resource_name
from stacks.environment.aliases import alias_problems
from stacks.environment.api import Api
from stacks.environment.billing import Budget, Price, TimeZone
from stacks.environment.cache import MIN_SUBNETS
from stacks.environment.consumers import DeclaredConsumers
from stacks.environment.jobs import CAUSAL_LM, MINUTES_A_DAY, BaseModels, Curation
from stacks.environment.model import Model
from stacks.environment.network import Network
from stacks.environment.refusals import refusal, refusals, refusals_at
from stacks.environment.section import Settings
from stacks.environment.source import Source
from stacks.environment.values import (
    Account,
    Days,
    Email,
    ModelKey,
    Name,
    PolicyName,
    Region,
    ReservedConcurrency,
    RoleNamePrefix,
    Tags,
)

# As many roles as an account has by default have room for theirs.
MAX_MODELS = 50


def _check_names_in_api(models: dict[str, Model]) -> dict[str, Model]:
    """At each model's name where it has one: that is what has to be another."""
    names = Counter(model.name or key for key, model in models.items())
    found = []
    for key, model in models.items():
        name = model.name or key
        if names[name] > 1:
            said = f"another model's name in the API is '{name}' too"
            place = (key, "name") if model.name else (key,)
            found.append((place, said, model))
    if found:
        raise refusals_at(found)
    return models


def _check_text(models: dict[str, Model]) -> dict[str, Model]:
    """The lake's datasets are made for a model that reads them."""
    if not any(model.is_trained for model in models.values()):
        raise refusal("at least one model of kind text beside the others")
    return models


class Records(Settings):
    """How long records are kept, in days; without a number, until somebody deletes them.

    `inference_days` is for the table, `inference_log_days` for the lake: the same unless it says
    otherwise. `noncurrent_days` is how long what was overwritten or deleted can be brought back.
    """

    inference_days: Days = 365
    inference_log_days: Days | None = None
    checkpoint_days: Days = 30
    quarantine_days: Days | None = None
    noncurrent_days: Days = 30
    log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] = 365


class Environment(Settings):
    """One environment of one client.

    `account` and `region` are None for an environment that is deployed wherever the caller's
    credentials point; `destroyable` lets `cdk destroy` delete data as well. Every role has the
    `permissions_boundary`, a policy's name or ARN, and a name that begins with
    `role_name_prefix`; `reserved_concurrency` is for functions by their folder in lambdas/.
    """

    name: Name
    account: Account | None = None
    region: Region | None = None
    destroyable: bool = False
    notify: Email | None = None
    tags: Tags = {}
    network: Network = Network()
    permissions_boundary: PolicyName | None = None
    role_name_prefix: RoleNamePrefix = ""
    reserved_concurrency: ReservedConcurrency = {}
    source: Source | None = None
    curation: Curation = Curation()
    base_models: BaseModels = BaseModels()
    models: Annotated[
        dict[ModelKey, Model],
        Field(min_length=1, max_length=MAX_MODELS),
        AfterValidator(_check_names_in_api),
        AfterValidator(_check_text),
    ]
    consumers: DeclaredConsumers = {}
    api: Api = Api()
    records: Records = Records()
    time_zone: TimeZone = "Asia/Tokyo"
    budget: Budget = Budget()
    prices: dict[str, Price] = {}

    @model_validator(mode="after")
    def check_judges(self) -> Self:
        """A job without a network reaches no judge."""
        for key, model in self.models.items():
            if self.network.isolation and model.evaluation.judge:
                said = "leave it out: with network.isolation the job reaches no address"
                values = {"judge": model.evaluation.judge.address}
                raise refusals({"judge": said}, values, "models", key, "evaluation")
        return self

    @model_validator(mode="after")
    def check_cache(self) -> Self:
        """A Valkey that the kit makes is reached in a VPC only."""
        if self.api.cache.makes_server and len(self.network.subnet_ids) < MIN_SUBNETS:
            said = (
                f"a valkey of your own needs its `address`; for one that is made, `network` needs "
                f"{MIN_SUBNETS} subnets in different zones"
            )
            raise refusals({"store": said}, {"store": self.api.cache.store}, "api", "cache")
        return self

    @model_validator(mode="after")
    def check_votes(self) -> Self:
        """Votes that nobody learns from would start curation for nothing."""
        for key, model in self.models.items():
            if model.retrain.votes and not self.learns_from_preferences:
                said = "leave it out: no model has an objective that learns from votes (dpo, kto)"
                values = {"votes": model.retrain.votes}
                raise refusals({"votes": said}, values, "models", key, "retrain")
        return self

    @model_validator(mode="after")
    def check_prices(self) -> Self:
        """A model without a price would be used for nothing, however small the budget."""
        known = ", ".join(self.models)
        found = dict.fromkeys(self.prices.keys() - self.models, f"no model; they are {known}")
        if found:
            raise refusals(found, dict(self.prices), "prices")
        missing = ", ".join(key for key in self.models if key not in self.prices)
        if missing and self.budget.needs_prices:
            name = "per_month" if self.budget.per_month is not None else "per_day"
            said = f"give a price for each model in `prices`: {missing} has none"
            raise refusals({name: said}, self.budget.model_dump(), "budget")
        return self

    @model_validator(mode="after")
    def check_checkpoints(self) -> Self:
        """What a run goes on from must not expire while it waits or runs."""
        longest = max(model.training.wait_minutes for model in self.models.values())
        if self.records.checkpoint_days * MINUTES_A_DAY < longest:
            said = f"at least {-(-longest // MINUTES_A_DAY)}: as long as the longest training"
            values = {"checkpoint_days": self.records.checkpoint_days}
            raise refusals({"checkpoint_days": said}, values, "records")
        return self

    @model_validator(mode="after")
    def check_aliases(self) -> Self:
        """An alias stands for models that there are, and for no other alias."""
        kinds = {self.name_in_api(key): model.kind for key, model in self.models.items()}
        found = list(alias_problems(self.api.aliases, kinds))
        if found:
            raise refusals_at(
                [(("api", "aliases", *keys), said, value) for keys, said, value in found]
            )
        return self

    @model_validator(mode="after")
    def check_consumers(self) -> Self:
        """A consumer of a model that isn't served could ask nothing."""
        served = [*map(self.name_in_api, self.models), *self.api.aliases]
        said = f"no model's name in the API; those are {', '.join(served)}"
        found = [
            (("consumers", name, "models", str(index)), said, model)
            for name, consumer in self.consumers.items()
            for index, model in enumerate(consumer.models or [])
            if model not in served
        ]
        if found:
            raise refusals_at(found)
        return self

    @property
    def file(self) -> str:
        """Where the environment file is in the repository."""
        given = self.source.file if self.source else None
        return given or f"environments/{self.name}.yaml"

    @property
    def all_tags(self) -> dict[str, str]:
        """What every resource is tagged with, from the templates or by workflows."""
        kit = {"project": "meguru", "environment": self.name}
        return {**kit, **self.tags, OWNER_TAG: self.name}

    @property
    def learns_from_preferences(self) -> bool:
        """Whether some model learns from votes, not from right answers alone."""
        trainings = [model.training for model in self.models.values()]
        return any(
            values.get("objective", CAUSAL_LM) != CAUSAL_LM
            for training in trainings
            for values in (training.hyperparameters, training.continued)
        )

    @property
    def billing(self) -> Billing:
        """What the ledger is told."""
        return Billing(
            time_zone=self.time_zone,
            currency=self.budget.currency,
            prices={self.name_in_api(key): one.of_tokens() for key, one in self.prices.items()},
            budget=self.budget.of_account(),
        )

    @property
    def trained(self) -> dict[str, Model]:
        """The models that learn from the lake's datasets, by their keys."""
        return {key: model for key, model in self.models.items() if model.is_trained}

    def name_in_api(self, key: str) -> str:
        return self.models[key].name or key

    @property
    def longest_context(self) -> str:
        """The key of the model that takes the longest conversations."""
        return max(self.trained, key=lambda key: self.models[key].training.context_tokens)

    def resource_name(self, key: str) -> str:
        """The name of a model's endpoint and model package group."""
        return resource_name(self.name, key)

    @property
    def endpoints(self) -> dict[str, str]:
        """The name of each model's endpoint, by the model's name in the API."""
        return {self.name_in_api(key): self.resource_name(key) for key in self.models}

    @property
    def container_logs(self) -> dict[str, str]:
        """The log group of each model's containers, by the model's name in the API."""
        logs = {}
        for key, model in self.models.items():
            name = component_log_name if model.endpoint.scales_to_zero else endpoint_log_name
            logs[self.name_in_api(key)] = name(self.resource_name(key))
        return logs

    @property
    def learners(self) -> dict[str, tuple[str, int]]:
        """Each model's endpoint and context length in tokens, by the model's name in the API."""
        return {
            self.name_in_api(key): (self.resource_name(key), model.training.context_tokens)
            for key, model in self.trained.items()
        }

    @property
    def embedders(self) -> dict[str, str]:
        """The name of each embedding model's endpoint, by the model's name in the API."""
        return {
            self.name_in_api(key): self.resource_name(key)
            for key, model in self.models.items()
            if not model.is_trained
        }
