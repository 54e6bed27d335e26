"""The values an environment file may have: what AWS, the jobs or the gate would refuse later."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from meguru.gate import HIGHEST, LOWER_IS_BETTER
from meguru.hyperparameters import as_text, problems
from meguru.normalisation import OFF, ON, read_rules
from stacks.aws_offers import is_instance_type, is_region
from stacks.refusals import only, refusal, refusals
from stacks.schedule import schedule_problem

_KNOWN = ", ".join(HIGHEST)


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _check_schedule(schedule: str) -> str:
    if problem := schedule_problem(schedule):
        raise refusal(problem)
    return schedule


def _as_text(value: object) -> object:
    """YAML's `on` and `off` are booleans, and a list of rules is one."""
    if isinstance(value, bool):
        return ON if value else OFF
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return value


def _check_normalisation(setting: str) -> str:
    try:
        read_rules(setting)
    except ValueError as error:
        raise refusal(str(error)) from error
    return setting


def _check_metrics(values: dict[str, float]) -> dict[str, float]:
    """Floors and drops stand on the metric's own scale: a fraction, or 0 to 100."""
    found = {}
    for name, value in values.items():
        if name in LOWER_IS_BETTER:
            found[name] = f"unknown to the gate, which judges only where higher is better: {_KNOWN}"
        elif name not in HIGHEST:
            found[name] = f"unknown metric; the gate knows {_KNOWN}"
        elif not 0 <= value <= HIGHEST[name]:
            found[name] = f"from 0 to {HIGHEST[name]:g}"
    if found:
        raise refusals(found, values)
    return values


def _check_hyperparameters(values: dict[str, Any]) -> dict[str, Any]:
    """As the training job checks them, before it is paid for."""
    found = {
        name: "a number or text"
        for name, value in values.items()
        if value == "" or not isinstance(value, str | int | float)
    }
    if found := found or problems(as_text(values)):
        raise refusals(found, values)
    return values


Name = Annotated[
    str,
    only(
        _matches(r"[a-z][a-z0-9-]{0,19}"),
        "1 to 20 lower-case letters, digits and hyphens, beginning with a letter",
    ),
]
ModelName = Annotated[
    str,
    only(
        _matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
        "1 to 63 letters, digits, dots, underscores and hyphens, beginning with a letter or digit",
    ),
]
Account = Annotated[str, only(_matches(r"\d{12}"), "12 digits in quotation marks")]
Email = Annotated[str, only(_matches(r"[^@\s]+@[^@\s]+"), "an e-mail address")]
Region = Annotated[str, only(is_region, "a region that has SageMaker, such as ap-northeast-1")]
ProcessingInstanceType = Annotated[
    str,
    only(
        is_instance_type("ProcessingInstanceType"),
        "an instance type of SageMaker's processing jobs, such as ml.m5.large",
    ),
]
TrainingInstanceType = Annotated[
    str,
    only(
        is_instance_type("TrainingInstanceType"),
        "an instance type of SageMaker's training jobs, such as ml.m5.large",
    ),
]
EndpointInstanceType = Annotated[
    str,
    only(
        is_instance_type("ProductionVariantInstanceType"),
        "an instance type of SageMaker's endpoints, such as ml.m5.large",
    ),
]
Schedule = Annotated[str, AfterValidator(_check_schedule)]
Normalisation = Annotated[str, BeforeValidator(_as_text), AfterValidator(_check_normalisation)]
Count = Annotated[int, Field(ge=1)]
Metrics = Annotated[dict[str, float], AfterValidator(_check_metrics)]
HyperparameterValues = Annotated[dict[str, Any], AfterValidator(_check_hyperparameters)]
