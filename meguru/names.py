"""Where things lie in the lake, and what the account's shared names are."""

from __future__ import annotations

import re
from datetime import date

RAW_PREFIX = "raw/"
QUARANTINE_PREFIX = "quarantine/"
DATASETS_PREFIX = "datasets/"
RUNS_PREFIX = "runs/"
FEEDBACK_PREFIX = "feedback/"
INFERENCE_LOG_PREFIX = "inference-log/"

_DAY_OF_RAW_KEY = re.compile(rf"{RAW_PREFIX}(?:.+?/)?(\d{{4}})/(\d{{2}})/(\d{{2}})/", re.ASCII)

METRIC_NAMESPACE = "Meguru"
TEXT_DATASET = "text"


def raw_key(source: str, day: date, name: str) -> str:
    """The key of an object as it arrived from `source` on `day`."""
    return f"{RAW_PREFIX}{source}/{day:%Y/%m/%d}/{name}"


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


def feedback_key(day: date, feedback_id: str) -> str:
    return f"{FEEDBACK_PREFIX}dt={day.isoformat()}/{feedback_id}.json"
