"""Where things lie in the lake, and what things are called that an account has once.

A double hyphen parts the environment from what is its own. As no model's name has one, and what
SageMaker's jobs, models and configs add is of one length, no environment and model share a name,
or a pattern in a policy, with another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from meguru.fingerprint import sha256_hex

RAW_PREFIX = "raw/"
QUARANTINE_PREFIX = "quarantine/"
DATASETS_PREFIX = "datasets/"
RUNS_PREFIX = "runs/"
# What a run goes on from when its instances were taken away; it expires.
CHECKPOINTS_PREFIX = "checkpoints/"
FEEDBACK_PREFIX = "feedback/"
# What people labelled with `meguru label`: a company's own evaluation set.
LABELS_PREFIX = "labels/"
INFERENCE_LOG_PREFIX = "inference-log/"
BASE_MODELS_PREFIX = "models/base/"
# What a model reads before every question, by the model and the prompt's version.
PROMPTS_PREFIX = "prompts/"
# What a person uploads for the job that makes a base model of it.
INCOMING_MODELS_PREFIX = "models/incoming/"

_DAY_OF_RAW_KEY = re.compile(rf"{RAW_PREFIX}(?:.+?/)?(\d{{4}})/(\d{{2}})/(\d{{2}})/", re.ASCII)

METRIC_NAMESPACE = "Meguru"
# One sample for each answer that was voted on or corrected: 1 for a bad one, else 0.
BAD_ANSWER_METRIC = "AnswerFoundBad"
# One sample for each answer: 1 where a rule of the guard kept something back or changed it, else 0.
GUARD_METRIC = "GuardHit"
# One sample for each answer, by what is wrong with it by itself: 1, else 0.
FLAW_METRICS = {"guarded": "GuardedAnswer", "empty": "EmptyAnswer", "repeated": "RepeatedAnswer"}
# The dimension `version` of samples of what isn't released yet, and gets traffic on trial.
NEW_VERSION = "new"
# A sample of 1 for each vote against an answer of a version that is being released.
THUMBS_DOWN_METRIC = "ThumbsDown"
# How much of the account's budget is used and reserved: of the limit that is nearest.
BUDGET_METRIC = "BudgetUsedPercent"
TEXT_DATASET = "text"

ENVIRONMENT_NAME = r"[a-z][a-z0-9-]{0,19}"
MAX_MODEL_KEY = 20
MAX_BASE_MODEL_NAME = 63
# The name beside the models' that the lake's own jobs' are made of: no model has it.
CURATION = "curation"
# What a model's endpoint for smoke tests has at its end, after a double hyphen: no model has it.
SMOKE = "smoke"
JOB_LOG_GROUPS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs")
# The item of the loop's table that says who curates.
CURATION_CLAIM = f"{CURATION}#{TEXT_DATASET}"
# What every execution adds to the names it makes: hexadecimal digits of a random UUID.
NUM_RANDOM_DIGITS = 12


def raw_key(source: str, day: date, name: str) -> str:
    """The key of an object as it arrived from `source` on `day`."""
    return f"{RAW_PREFIX}{source}/{day:%Y/%m/%d}/{name}"


def inference_database(environment: str) -> str:
    """The database of the inference log in the Glue catalog; SQL has no hyphens in names."""
    return f"meguru_{environment}".replace("-", "_")


# The tag by which Meguru knows again what is of an environment: no file may set it.
OWNER_TAG = "meguru:environment"


def day_of_raw_key(key: str) -> date | None:
    """The day in the key of a raw object; None where its folders name none."""
    found = _DAY_OF_RAW_KEY.match(key)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:  # the thirteenth month
        return None


def dataset_prefix(dataset: str, version: str) -> str:
    """The prefix of one immutable dataset version."""
    return f"{DATASETS_PREFIX}{dataset}/{version}/"


def dataset_manifest_key(dataset: str, version: str) -> str:
    return f"{dataset_prefix(dataset, version)}manifest.json"


def dataset_head_key(dataset: str) -> str:
    """The pointer to the newest version of a dataset, moved by conditional write."""
    return f"{DATASETS_PREFIX}{dataset}/HEAD"


def is_base_model_name(name: str) -> bool:
    """Whether a base model can be called this: it is a folder of the lake, and stands in URIs."""
    return re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", name, re.ASCII) is not None and (
        len(name) <= MAX_BASE_MODEL_NAME
    )


def base_model_prefix(name: str, revision: str) -> str:
    """The prefix of one immutable revision of a base model."""
    return f"{BASE_MODELS_PREFIX}{name}/{revision}/"


def base_model_manifest_key(name: str, revision: str) -> str:
    return f"{base_model_prefix(name, revision)}manifest.json"


def base_model_head_key(name: str) -> str:
    """The pointer to the revision that trainings begin from: the one added last."""
    return f"{BASE_MODELS_PREFIX}{name}/HEAD"


def prompts_prefix(model_key: str) -> str:
    """The prefix of a model's prompts, by its key in the environment file."""
    return f"{PROMPTS_PREFIX}{model_key}/"


def prompt_prefix(model_key: str, version: str) -> str:
    """The prefix of one immutable version of a model's prompt."""
    return f"{prompts_prefix(model_key)}{version}/"


def feedback_key(day: date, feedback_id: str) -> str:
    return f"{FEEDBACK_PREFIX}dt={day.isoformat()}/{feedback_id}.json"


def training_claim(model: str) -> str:
    """The item of the loop's table that says who trains a model, by its resource name."""
    return f"training#{model}"


def tried_rows(model: str, rows: str, code: str = "") -> str:
    """The item of the loop's table that says what came of a model's run on certain rows.

    `code` is the fingerprint of the training's code, where a commit may start a training.
    """
    return f"tried#{model}#{code}#{rows}" if code else f"tried#{model}#{rows}"


def image_repository_name(environment: str) -> str:
    """The repository of an environment's images.

    ECR takes no hyphen at an end and no two in a row, which an environment's name may have.
    """
    plain = re.sub(r"-+", "-", environment).strip("-")
    digits = "" if plain == environment else f".{sha256_hex(environment.encode())[:6]}"
    return f"meguru/{plain}{digits}"


def cache_server_name(environment: str, subnet_ids: Sequence[str]) -> str:
    """An environment's serverless cache: another in other subnets, where it has to be made anew.

    ElastiCache takes no two hyphens in a row.
    """
    plain = re.sub(r"-+", "-", environment).strip("-")
    digits = sha256_hex("/".join((environment, *subnet_ids)).encode())[:6]
    return f"meguru-{plain}-{digits}"


def stack_name(environment: str, concern: str, model: str = "") -> str:
    """The stack of a concern (Lake, Data, Model, Api, Source), or of that of one model."""
    return f"Meguru-{environment}-{concern}" + (f"-{model}" if model else "")


def is_stack_of(name: str, environment: str) -> bool:
    """Whether a stack is one of an environment's; another's name may begin with its name."""
    return re.fullmatch(rf"Meguru-{re.escape(environment)}-[A-Z].*", name) is not None


def environment_of_stack(name: str) -> str | None:
    """The environment whose stack has this name; None for a stack of something else."""
    found = re.fullmatch(rf"Meguru-({ENVIRONMENT_NAME})-[A-Z].*", name)
    return found[1] if found else None


def api_name(environment: str) -> str:
    return f"meguru-{environment}"


def stage_name(environment: str) -> str:
    """The stage of the API, which is a part of its address; API Gateway takes no hyphen in it."""
    return environment.replace("-", "_")


def api_log_name(api_id: str, environment: str) -> str:
    """The log group of the API's executions, which API Gateway names."""
    return f"API-Gateway-Execution-Logs_{api_id}/{stage_name(environment)}"


def event_log_name(environment: str) -> str:
    """The log group of the loop's events; EventBridge delivers to those under /aws/events/."""
    return f"/aws/events/meguru-{environment}"


def workflow_log_name(owner: str, workflow: str) -> str:
    """The log group of a workflow's executions.

    Those under /aws/vendedlogs/ are in the account's resource policy for Logs as one, which has
    room for some thirty that are named one by one.
    """
    return f"/aws/vendedlogs/states/{owner}/{workflow}"


def endpoint_log_name(endpoint: str) -> str:
    """The log group of an endpoint's containers, which SageMaker names."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def component_log_name(component: str) -> str:
    """The log group of an inference component's containers, which SageMaker names."""
    return f"/aws/sagemaker/InferenceComponents/{component}"


def wake_alarm_name(endpoint: str) -> str:
    """The alarm that rings when somebody asks a model without a copy, and the policy it starts."""
    return f"{endpoint}-wake"


def resource_name(environment: str, model: str) -> str:
    """The endpoint and the model package group of a model; what its jobs' names begin with."""
    return f"meguru-{environment}--{model}"


def smoke_endpoint_name(endpoint: str) -> str:
    """The endpoint on which a model's next version is tried, as long as that takes."""
    return f"{endpoint}--{SMOKE}"


def made_by_runs(name: str) -> str:
    """A policy's pattern for what executions make under `name`: `name-` and the random digits.

    A question mark stands for exactly one character, so that `a` does not match what is `a-b`'s.
    """
    return f"{name}-{'?' * NUM_RANDOM_DIGITS}"


def is_made_by_runs(made: str, name: str) -> bool:
    """Whether a job, a model or a config is one that executions made under `name`."""
    return re.fullmatch(rf"{re.escape(name)}-[0-9a-f]{{{NUM_RANDOM_DIGITS}}}", made) is not None


def is_of_environment(name: str, environment: str) -> bool:
    """Whether an endpoint, a group, or what executions made is one of an environment's models'."""
    pattern = rf"meguru-{re.escape(environment)}--[a-z0-9]+(-[a-z0-9]+)*(--{SMOKE})?"
    return re.fullmatch(pattern, name, re.ASCII) is not None


def is_model_key(name: str) -> bool:
    """Whether AWS's names can be made of a model's name as it is."""
    fits = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name, re.ASCII) and len(name) <= MAX_MODEL_KEY
    return bool(fits) and name not in (CURATION, SMOKE)


def model_key(name: str) -> str:
    """The key of a model that the API knows by `name`: itself, or made of it and its hash."""
    if is_model_key(name):
        return name
    digits = sha256_hex(name.encode())[:6]
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    return f"{words[: MAX_MODEL_KEY - len(digits) - 1].strip('-')}-{digits}".lstrip("-")
