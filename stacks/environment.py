"""The environment file: what a client sets, typed and checked before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from meguru.normalisation import ON
from stacks.environment_file import InvalidEnvironment, line_of, read_document
from stacks.environment_values import (
    Account,
    Count,
    Email,
    EndpointInstanceType,
    HyperparameterValues,
    Metrics,
    ModelName,
    Name,
    Normalisation,
    ProcessingInstanceType,
    Region,
    Schedule,
    TrainingInstanceType,
)
from stacks.refusals import refusals, sentence


class Settings(BaseModel):
    """A part of the environment file: nothing unknown, nothing changed after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Curation(Settings):
    """The curation job. `normalisation` names the rules that its text for training is made by."""

    instance_type: ProcessingInstanceType
    batch_seconds: Annotated[int, Field(ge=0, le=300)]
    feedback_weight: Count
    normalisation: Normalisation = ON


class Training(Settings):
    """The training job. Hyperparameters are checked as the job does, and go to it as they are.

    With `continued_hyperparameters`, training goes on from the weights that serve once there are
    any; without, every training starts from scratch.
    """

    instance_type: TrainingInstanceType
    instance_count: Count
    spot: bool
    max_runtime_minutes: Count
    max_wait_minutes: Count
    volume_gb: Count
    hyperparameters: HyperparameterValues
    continued_hyperparameters: HyperparameterValues | None = None

    @model_validator(mode="after")
    def check_max_wait(self) -> Self:
        if self.spot and self.max_wait_minutes < self.max_runtime_minutes:
            said = (
                f"at least {self.max_runtime_minutes}, which is max_runtime_minutes: "
                "waiting for spot instances includes the run itself"
            )
            raise refusals({"max_wait_minutes": said}, {"max_wait_minutes": self.max_wait_minutes})
        return self


class Evaluation(Settings):
    """The gate: floors, and how far a metric may fall below the serving model's."""

    instance_type: ProcessingInstanceType
    minimum: Metrics
    maximum_drop: Metrics


class Release(Settings):
    traffic: Literal["all_at_once", "canary"]
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 10
    bake_seconds: Annotated[int, Field(ge=0, le=3600)]
    poll_seconds: Count


class Endpoint(Settings):
    model_name: ModelName
    instance_type: EndpointInstanceType
    min_instances: Count
    max_instances: Count
    invocations_per_instance_per_minute: Count
    release: Release

    @model_validator(mode="after")
    def check_instances(self) -> Self:
        if self.max_instances < self.min_instances:
            raise refusals(
                {"max_instances": f"at least {self.min_instances}, which is min_instances"},
                {"max_instances": self.max_instances},
            )
        return self


class Api(Settings):
    requests_per_second: Count
    burst: Count
    requests_per_month: Count


class Feedback(Settings):
    corrections_before_retraining: Count
    schedule: Schedule | None = None


class Records(Settings):
    """How long records are kept, in days."""

    inference_days: Count
    log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]


class Environment(Settings):
    """One environment of one client.

    `account` and `region` are None for an environment that is deployed wherever the caller's
    credentials point; `destroyable` lets `cdk destroy` delete data as well.
    """

    name: Name
    account: Account | None = None
    region: Region | None = None
    destroyable: bool
    notify: Email | None = None
    tags: dict[str, str] = {}
    curation: Curation
    training: Training
    evaluation: Evaluation
    endpoint: Endpoint
    api: Api
    feedback: Feedback
    records: Records


def read_environment(path: Path) -> Environment:
    """Read and check an environment file.

    Raises InvalidEnvironment naming the file, the line, the key and what it has to be.
    """
    document, values = read_document(path)
    try:
        return Environment.model_validate(values)
    except ValidationError as error:
        lines = [_complaint(path, document, details) for details in error.errors()]
        raise InvalidEnvironment("\n".join(lines)) from error


def _complaint(path: Path, document: Any, details: Any) -> str:
    # pydantic's last part for a key that is no text.
    keys = [str(key) for key in details["loc"] if key != "[key]"]
    name = ".".join(key if key.isprintable() else repr(key) for key in keys)
    return f"{path}:{line_of(document, keys)}: {name or 'the file'}: {sentence(details)}"
