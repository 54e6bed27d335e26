"""The environment file: what a client sets, typed and checked before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
InstanceType = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
Schedule = Annotated[str, StringConstraints(pattern=r"^(cron|rate)\(.+\)$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
Count = Annotated[int, Field(ge=1)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class Settings(BaseModel):
    """A part of the environment file: nothing unknown, nothing changed after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Curation(Settings):
    instance_type: InstanceType
    batch_seconds: Annotated[int, Field(ge=0, le=300)]
    feedback_weight: Count


class Training(Settings):
    """The training job. Hyperparameters go to the job as they are; it checks them itself.

    With `continued_hyperparameters`, training goes on from the weights that serve once there are
    any; without, every training starts from scratch.
    """

    instance_type: InstanceType
    instance_count: Count
    spot: bool
    max_runtime_minutes: Count
    max_wait_minutes: Count
    volume_gb: Count
    hyperparameters: dict[str, str | int | float | bool]
    continued_hyperparameters: dict[str, str | int | float | bool] | None = None

    @model_validator(mode="after")
    def check_max_wait(self) -> Self:
        if self.spot and self.max_wait_minutes < self.max_runtime_minutes:
            raise ValueError(
                "max_wait_minutes has to be at least max_runtime_minutes "
                f"({self.max_runtime_minutes}): waiting for spot capacity includes the run itself"
            )
        return self


class Evaluation(Settings):
    """The gate: floors, and how far a metric may fall below the serving model's."""

    instance_type: InstanceType
    minimum: dict[str, float]
    maximum_drop: dict[str, Annotated[float, Field(ge=0)]]


class Release(Settings):
    traffic: Literal["all_at_once", "canary"]
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 10
    bake_seconds: Annotated[int, Field(ge=0, le=3600)]
    poll_seconds: Count


class Endpoint(Settings):
    model_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    instance_type: InstanceType
    min_instances: Count
    max_instances: Count
    invocations_per_instance_per_minute: Count
    release: Release

    @model_validator(mode="after")
    def check_instances(self) -> Self:
        if self.max_instances < self.min_instances:
            raise ValueError(
                f"max_instances has to be at least min_instances ({self.min_instances})"
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
    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] | None = None
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
    keys = [str(key) for key in details["loc"]]
    line = _line(document, keys)
    said = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        said = "unknown key: correct its name, or take it out"
    elif details["type"] == "missing":
        said = "this key is missing"
    else:
        said = f"{said} (it is {details['input']!r})"
    name = ".".join(key if key.isprintable() else repr(key) for key in keys)
    return f"{path}:{line}: {name or 'the file'}: {said}"


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
