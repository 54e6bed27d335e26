"""The values an environment file may have: what AWS, the jobs or the gate would refuse later."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from meguru.base_model import REVISION_DIGITS, is_reference
from meguru.gate import HIGHEST, LOWER_IS_BETTER
from meguru.hyperparameters import as_text, problems, problems_of_values
from meguru.names import (
    CURATION,
    ENVIRONMENT_NAME,
    MAX_MODEL_KEY,
    OWNER_TAG,
    SMOKE,
    is_model_key,
)
from meguru.normalisation import OFF, ON, RULES, read_rules
from stacks.environment.aws_offers import is_instance_type, is_region, runs_images
from stacks.environment.refusals import only, refusal, refusals
from stacks.environment.schedule import schedule_problem

# Every resource has these. A client may give them other values.
KIT_TAGS = ("project", "environment")
# A resource has at most 50, and AWS and CDK add some.
MAX_TAGS = 40
# Of 64 characters: the rest keeps roles apart.
MAX_ROLE_NAME_PREFIX = 20
MAX_TRAINING_MINUTES = 28 * 24 * 60
FUNCTIONS = Path(__file__).parents[2] / "lambdas"
_KNOWN = ", ".join(HIGHEST)


def matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _check_kind(kind: object) -> object:
    if kind == "image":
        raise refusal("image models are not there yet: text or embedding")
    return kind


def _check_schedule(schedule: str) -> str:
    if problem := schedule_problem(schedule):
        raise refusal(problem)
    return schedule


def _as_text(value: object) -> object:
    """YAML's `on` and `off` are booleans, and a list of rules is one."""
    if isinstance(value, bool):
        return ON if value else OFF
    if isinstance(value, list):
        if not value or not all(isinstance(one, str) for one in value):
            raise refusal(f"{ON}, {OFF}, or some of the rules {', '.join(RULES)}")
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


def _check_images_run(instance_type: str) -> str:
    if not runs_images(instance_type):
        raise refusal(
            "an instance type the images run on: with x86 processors, without Inferentia, Trainium "
            "or Gaudi, and with GPUs newer than P2's and P3's"
        )
    return instance_type


def _check_hyperparameters(values: dict[str, Any]) -> dict[str, Any]:
    """As the training job checks them, before it is paid for."""
    return _check_each_with(problems, values)


def _check_continued(values: dict[str, Any]) -> dict[str, Any]:
    """Each for itself: they are only what differs from the other hyperparameters."""
    return _check_each_with(problems_of_values, values)


def _check_each_with(
    complaints: Callable[[dict[str, str]], dict[str, str]], values: dict[str, Any]
) -> dict[str, Any]:
    found = {
        name: "a number or text"
        for name, value in values.items()
        if value == "" or not isinstance(value, str | int | float)
    }
    if found := found or complaints(as_text(values)):
        raise refusals(found, values)
    return values


def _check_tags(values: dict[str, str]) -> dict[str, str]:
    """What the services that are tagged take; IAM takes no two keys that differ in case only.

    Source: "Tag naming limits and requirements", Tagging AWS Resources User Guide; the shortest
    are those of CloudFormation's AWS::ECR::Repository.
    """
    found = {}
    seen = {name.casefold(): name for name in KIT_TAGS}
    for key, value in values.items():
        same = seen.setdefault(key.casefold(), key)
        if key.casefold() == OWNER_TAG:
            found[key] = "Meguru's own: by it it knows what belongs to an environment"
        elif problem := _tag_problem(key, value):
            found[key] = problem
        elif same != key:
            found[key] = f"differs from the tag {same} in upper and lower case only: IAM takes one"
    if found:
        raise refusals(found, values)
    return values


def _check_functions(values: dict[str, int]) -> dict[str, int]:
    known = sorted({path.parent.name for path in FUNCTIONS.glob("*/*.py")})
    found = {name: f"no function; they are {', '.join(known)}" for name in values.keys() - known}
    if found:
        raise refusals(found, values)
    return values


def _tag_problem(key: str, value: str) -> str | None:
    if not 1 <= len(key) <= 127:
        return "a tag's key has 1 to 127 characters"
    if key.casefold().startswith("aws:"):
        return "keys that begin with aws: are AWS's own"
    if len(value) > 255:
        return f"a tag's value has at most 255 characters, this one has {len(value)}"
    wrong = "".join(dict.fromkeys(one for one in key + value if not _is_tag_character(one)))
    if wrong:
        return f"tags take letters, digits, spaces and _ . : / = + - @, and not {wrong}"
    return None


def _is_tag_character(character: str) -> bool:
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LNZ"


Name = Annotated[
    str,
    only(
        matches(ENVIRONMENT_NAME),
        "1 to 20 lower-case letters, digits and hyphens, beginning with a letter",
    ),
]
ModelKey = Annotated[
    str,
    only(
        is_model_key,
        f"1 to {MAX_MODEL_KEY} lower-case letters and digits, in words with single hyphens between "
        f"them; not {CURATION}, which is the data job, nor {SMOKE}, which is a smoke test",
    ),
]
ModelName = Annotated[
    str,
    only(
        matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
        "1 to 63 letters, digits, dots, underscores and hyphens, beginning with a letter or digit",
    ),
]
BaseModelReference = Annotated[
    str,
    only(
        is_reference,
        "a base model's name, as `meguru model list` has it (up to 63 lower-case letters and "
        "digits, with single dots and hyphens between them), or NAME@REVISION with the "
        f"{REVISION_DIGITS} hexadecimal digits of a revision",
    ),
]
RecipeName = Annotated[str, only(matches(r"[^/]+"), "the name of a file in recipes/")]
Account = Annotated[str, only(matches(r"\d{12}"), "12 digits in quotation marks")]
Email = Annotated[str, only(matches(r"[^@\s]+@[^@\s]+"), "an e-mail address")]
Region = Annotated[str, only(is_region, "a region that has SageMaker, such as ap-northeast-1")]
S3Prefix = Annotated[
    str,
    only(
        matches(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([\w!'().-]+/)*"),
        "a bucket or a folder of one, such as s3://bucket/models/, with a slash at its end",
    ),
]
ProcessingInstanceType = Annotated[
    str,
    only(
        is_instance_type("ProcessingInstanceType"),
        "an instance type of SageMaker's processing jobs, such as ml.m5.large",
    ),
    AfterValidator(_check_images_run),
]
TrainingInstanceType = Annotated[
    str,
    only(
        is_instance_type("TrainingInstanceType"),
        "an instance type of SageMaker's training jobs, such as ml.m5.large",
    ),
    AfterValidator(_check_images_run),
]
EndpointInstanceType = Annotated[
    str,
    only(
        is_instance_type("ProductionVariantInstanceType"),
        "an instance type of SageMaker's endpoints, such as ml.m5.large",
    ),
    AfterValidator(_check_images_run),
]
JudgeAddress = Annotated[
    str,
    only(
        matches(r"https?://[\w.:\[\]-]+(/[\w.~%+-]+)*"),
        "an address that speaks OpenAI's chat completions, such as https://judge.example/v1",
    ),
    # What SageMaker takes as the value of a processing job's environment variable.
    Field(max_length=256),
]
JudgeModel = Annotated[
    str,
    only(
        matches(r"[\w.:/@+-]{1,256}"),
        "the judge's name in its API: up to 256 letters, digits and signs of . : / @ + -",
    ),
]
# Shorter than Secrets Manager takes: the whole ARN is a job's variable, of 256 characters.
SecretId = Annotated[
    str,
    only(
        # What begins as keys do is one: it would stand in the template for everybody to read.
        matches(
            r"(?!sk-|hf_|gsk_|AIza|xai-)"
            r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@!-]{1,160}"
        ),
        "the name or the ARN of a secret in Secrets Manager, such as judge/api-key, never a key",
    ),
]
Tags = Annotated[dict[str, str], Field(max_length=MAX_TAGS), AfterValidator(_check_tags)]
Engine = Literal["meguru", "vllm"]
ImageUri = Annotated[
    str,
    only(
        matches(r"[a-z0-9][a-z0-9._-]*(:\d+)?(/[a-z0-9._-]+)+(:[\w.-]+|@sha256:[0-9a-f]{64})"),
        "an image with its tag or digest, such as ACCOUNT.dkr.ecr.REGION.amazonaws.com/vllm:TAG",
    ),
]
Kind = Annotated[Literal["text", "embedding"], BeforeValidator(_check_kind)]
Schedule = Annotated[str, AfterValidator(_check_schedule)]
Normalisation = Annotated[str, BeforeValidator(_as_text), AfterValidator(_check_normalisation)]
# Whatever takes them, Parquet or a service, takes no more than a 32-bit number.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
# SageMaker's bounds; a training's are its documentation's ("StoppingCondition": 28 days), which its
# model doesn't have. A volume is EBS's largest.
TrainingMinutes = Annotated[int, Field(ge=1, le=MAX_TRAINING_MINUTES)]
ProcessingMinutes = Annotated[int, Field(ge=1, le=777_600 // 60)]
VolumeGB = Annotated[int, Field(ge=1, le=16_384)]
InstanceCount = Annotated[int, Field(ge=1, le=1000)]
# Of an endpoint that may have none while nobody asks.
LeastInstances = Annotated[int, Field(ge=0, le=1000)]
# A life-cycle rule's expiration takes no more than a 32-bit number.
Days = Annotated[int, Field(ge=1, le=36500)]
PolicyName = Annotated[
    str,
    only(
        matches(
            r"(arn:aws[a-z-]*:iam::(\d{12}|aws):policy/(?=.{1,512}$)([\w+=,.@-]+/)*)?"
            r"[\w+=,.@-]{1,128}"
        ),
        "the name or the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/name",
    ),
]
RoleNamePrefix = Annotated[
    str,
    only(
        matches(rf"[\w+=,.@-]{{1,{MAX_ROLE_NAME_PREFIX}}}"),
        f"1 to {MAX_ROLE_NAME_PREFIX} letters, digits and signs of + = , . @ - _",
    ),
]
ReservedConcurrency = Annotated[dict[str, Count], AfterValidator(_check_functions)]
Metrics = Annotated[dict[str, float], AfterValidator(_check_metrics)]
HyperparameterValues = Annotated[dict[str, Any], AfterValidator(_check_hyperparameters)]
ContinuedValues = Annotated[dict[str, Any], AfterValidator(_check_continued)]
