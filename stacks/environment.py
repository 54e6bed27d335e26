"""The environment file: what a client sets, typed and checked before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stacks.environment_values import (
    Account,
    Count,
    Email,
    EndpointInstanceType,
    HyperparameterValues,
    Metrics,
    ModelName,
    Name,
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
    instance_type: ProcessingInstanceType
    batch_seconds: Annotated[int, Field(ge=0, le=300)]
    feedback_weight: Count


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


class InvalidEnvironment(ValueError):
    """What is wrong in an environment file: one line for each key, with its place."""


def read_environment(path: Path) -> Environment:
    """Read and check an environment file.

    Raises InvalidEnvironment naming the file, the line, the key and what it has to be.
    """
    try:
        text = path.read_text("utf-8")
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise InvalidEnvironment(
            f"{path}: there is no such environment file, see environments/ ({error.strerror})"
        ) from error
    except yaml.MarkedYAMLError as error:
        raise InvalidEnvironment(_syntax_complaint(path, error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidEnvironment(f"{path}: not a YAML file: {error}") from error
    _refuse_repeated_keys(path, document)
    if not isinstance(values, dict):
        raise InvalidEnvironment(
            f"{path}: an environment file has keys and values, see environments/"
        )
    try:
        return Environment.model_validate(values)
    except ValidationError as error:
        lines = [_complaint(path, document, details) for details in error.errors()]
        raise InvalidEnvironment("\n".join(lines)) from error


def _syntax_complaint(path: Path, error: yaml.MarkedYAMLError) -> str:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return f"{path}:{line}: not YAML: {error.problem or error.context}"


def _refuse_repeated_keys(path: Path, node: Any) -> None:
    """YAML's reader would take the last of them and say nothing."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            line = key.start_mark.line + 1
            raise InvalidEnvironment(f"{path}:{line}: {key.value}: this key stands here twice")
        seen.add(key.value)
        _refuse_repeated_keys(path, value)


def _complaint(path: Path, document: Any, details: Any) -> str:
    # pydantic's last part for a key that is no text.
    keys = [str(key) for key in details["loc"] if key != "[key]"]
    name = ".".join(key if key.isprintable() else repr(key) for key in keys)
    return f"{path}:{_line(document, keys)}: {name or 'the file'}: {sentence(details)}"


def _line(node: Any, keys: list[str]) -> int:
    """The line of the deepest of `keys` that the document has."""
    line: int = node.start_mark.line + 1
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [pair for pair in node.value if pair[0].value == key]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line
