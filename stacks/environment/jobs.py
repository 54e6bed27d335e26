"""The jobs of an environment file: their instances, and what they are told."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from meguru.base_model import Shape
from meguru.hyperparameters import CONTEXT, SHAPE, Hyperparameters, as_text, read_values
from meguru.instance_offers import OFFERS
from meguru.model_plan import Workload, workload
from meguru.normalisation import ON
from stacks.environment.aws_offers import local_storage_gb
from stacks.environment.capacity import Capacity, FallBack
from stacks.environment.refusals import refusals, refusals_at
from stacks.environment.section import Settings
from stacks.environment.values import (
    MAX_TRAINING_MINUTES,
    ContinuedValues,
    Count,
    HyperparameterValues,
    InstanceCount,
    JudgeAddress,
    JudgeModel,
    Normalisation,
    ProcessingInstanceType,
    ProcessingMinutes,
    S3Prefix,
    SecretId,
    TrainingInstanceType,
    TrainingMinutes,
    VolumeGB,
)

MINUTES_A_DAY = 24 * 60
MAX_FALL_BACKS = 3
# The objective that learns right answers alone.
CAUSAL_LM = "causal_lm"


class JobSettings(Settings):
    """A job's instances, and the volume of each."""

    instance_type: str
    volume_gb: VolumeGB

    @property
    def instance_types(self) -> list[str]:
        """All that the job may run on."""
        return [self.instance_type]

    @model_validator(mode="after")
    def check_volume(self) -> Self:
        for instance_type in self.instance_types:
            storage = local_storage_gb(instance_type)
            if storage is not None and self.volume_gb > storage:
                said = (
                    f"at most {storage}, which {instance_type} brings: "
                    "a job takes its instance's own storage for a volume"
                )
                raise refusals({"volume_gb": said}, {"volume_gb": self.volume_gb})
        return self


class Curation(JobSettings):
    """The curation job. `normalisation` names the rules that its text for training is made by."""

    instance_type: ProcessingInstanceType = "ml.m5.large"
    batch_seconds: Annotated[int, Field(ge=0, le=300)] = 300
    volume_gb: VolumeGB = 30
    feedback_weight: Annotated[Count, Field(le=1000)] = 10
    normalisation: Normalisation = ON


class BaseModels(JobSettings):
    """The job that adds base models: it has room for a model twice, and memory for a GGUF's.

    `sources` are prefixes of other buckets that it may read; their owners have to let it.
    """

    instance_type: ProcessingInstanceType = "ml.m5.2xlarge"
    max_runtime_minutes: ProcessingMinutes = 240
    volume_gb: VolumeGB = 100
    sources: list[S3Prefix] = []


class Training(JobSettings):
    """The training job. Hyperparameters are checked as the job does, and go to it as they are.

    With `continued_hyperparameters`, training goes on from the weights that serve once there are
    any; without, every training starts from scratch. What they don't say is as in
    `hyperparameters`, and the model keeps the shape it has.

    A run that is reclaimed `max_interruptions` times, or gets no instances as often, goes on from
    its checkpoints on what `fall_back` names, in its order: on demand where it says nothing.
    """

    instance_type: TrainingInstanceType = "ml.m5.xlarge"
    instance_count: InstanceCount = 1
    spot: bool = True
    fall_back: Annotated[list[FallBack], Field(max_length=MAX_FALL_BACKS)] | None = None
    max_interruptions: Annotated[int, Field(ge=1, le=100)] = 3
    max_runtime_minutes: TrainingMinutes = 720
    max_wait_minutes: TrainingMinutes | None = None
    volume_gb: VolumeGB = 50
    hyperparameters: HyperparameterValues = {}
    continued_hyperparameters: ContinuedValues | None = None

    @model_validator(mode="after")
    def check_fall_back(self) -> Self:
        for number, (before, after) in enumerate(pairwise(self.capacities), start=1):
            if before == after:
                said = "names the instances that it falls back from: another type, or on demand"
                keys, value = self.place_of(number)
                raise refusals_at([(keys, said, value)])
        return self

    @model_validator(mode="after")
    def check_max_wait(self) -> Self:
        is_spot = any(one.spot for one in self.capacities)
        if is_spot and self.wait_minutes < self.max_runtime_minutes:
            said = (
                f"at least {self.max_runtime_minutes}, which is max_runtime_minutes: "
                "waiting for spot instances includes the run itself"
            )
            raise refusals({"max_wait_minutes": said}, {"max_wait_minutes": self.max_wait_minutes})
        return self

    @model_validator(mode="after")
    def check_continued(self) -> Self:
        """Against the model that is gone on from, as the job checks them."""
        own = self.continued_hyperparameters or {}
        first = Hyperparameters.parse(as_text(self.hyperparameters))
        found = {}
        for name, value in read_values(as_text(own)).items():
            before = getattr(first, name)
            if name in SHAPE and value != before:
                found[name] = f"{before}, as it is in the model that is gone on from"
            elif name == CONTEXT and value < before:
                found[name] = f"at least {before}: a model's context may grow, not shrink"
        if found:
            raise refusals(found, own, "continued_hyperparameters")
        return self

    @property
    def continued(self) -> dict[str, Any]:
        """The hyperparameters of a training that goes on from the weights that serve."""
        return {**self.hyperparameters, **(self.continued_hyperparameters or {})}

    @property
    def capacities(self) -> list[Capacity]:
        """The instances asked for, and what the job falls back to, in order."""
        first = Capacity(self.instance_type, self.instance_count, self.spot)
        others = self.fall_back
        if others is None:
            others = [FallBack()] if self.spot else []
        return [first, *(other.beside(first) for other in others)]

    def place_of(self, number: int) -> tuple[tuple[str, ...], Any]:
        """The keys of one of `capacities` in this section, and what stands there."""
        if number == 0 or self.fall_back is None:
            return ("instance_type",), self.instance_type
        return ("fall_back", str(number - 1)), self.fall_back[number - 1]

    @property
    def instance_types(self) -> list[str]:
        return [one.instance_type for one in self.capacities]

    def workloads(self, shape: Shape) -> dict[int, Workload]:
        """What a training from a base model of this shape takes, on each of `capacities`.

        By the number of each; without those of which it isn't known what they have.
        """
        return {
            number: workload(
                shape,
                one.instance_type,
                self.hyperparameters,
                instance_count=one.instance_count,
                spot=one.spot,
            )
            for number, one in enumerate(self.capacities)
            if one.instance_type in OFFERS
        }

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation may have to be learnt."""
        return Hyperparameters.parse(as_text(self.continued)).max_position_embeddings

    @property
    def wait_minutes(self) -> int:
        """How long a job may take with its waiting for spot instances."""
        return self.max_wait_minutes or min(2 * self.max_runtime_minutes, MAX_TRAINING_MINUTES)

    @property
    def longest_minutes(self) -> int:
        """How long it may take: on all that it may fall back to, one after another."""
        return sum(
            self.wait_minutes if one.spot else self.max_runtime_minutes for one in self.capacities
        )


class Judge(Settings):
    """Another model that scores answers, behind an address that the job can reach.

    Where it takes a key, that is the text of the secret `api_key_secret` in Secrets Manager.
    """

    address: JudgeAddress
    model: JudgeModel
    api_key_secret: SecretId | None = None


class Evaluation(JobSettings):
    """The evaluation job. With a `judge` there is the metric of this name."""

    instance_type: ProcessingInstanceType = "ml.m5.xlarge"
    max_runtime_minutes: ProcessingMinutes = 240
    volume_gb: VolumeGB = 50
    judge: Judge | None = None
