"""Results of lm-eval's tasks, as its `results_….json` files in the lake's labels/ have them.

Source: EleutherAI's lm-evaluation-harness, `EvaluationTracker.save_results_aggregated`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

PATTERN = "results*.json"
MAX_BYTES = 64 * 1024**2
MAX_LISTED = 200
# The normal deviation that leaves 2.5 % on each side.
_DEVIATION = 1.96
_ERROR = "_stderr"


def describe_tasks(folder: Path) -> dict[str, Any]:
    """Every task's metrics below `folder`, and the files that are broken by name.

    They are told and not gated: the model that was asked over its API isn't the one under
    evaluation, unless somebody brought that one up first.
    """
    found: list[dict[str, Any]] = []
    broken: list[str] = []
    for path in sorted(path for path in folder.rglob(PATTERN) if path.is_file()):
        name = path.relative_to(folder).as_posix()
        try:
            found += [{"file": name, **one} for one in _read(path)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            broken.append(name)
    return {"tasks": found[:MAX_LISTED], "num_tasks": len(found), "broken_tasks": broken}


def _read(path: Path) -> list[dict[str, Any]]:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("too large to be results")
    values = json.loads(path.read_text(encoding="utf-8"))
    about = {"model": str(values.get("model_name") or ""), "date": _date(values.get("date"))}
    return [
        {**about, "task": str(task), **metric}
        for task, result in values["results"].items()
        for metric in _metrics(result, values.get("higher_is_better", {}).get(task, {}))
    ]


def _metrics(result: Mapping[str, Any], higher: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """lm-eval names a value `METRIC,FILTER`, and its standard error `METRIC_stderr,FILTER`."""
    for key, value in result.items():
        metric, comma, filtered = key.partition(",")
        if not comma or metric.endswith(_ERROR) or not _is_number(value):
            continue
        error = result.get(f"{metric}{_ERROR},{filtered}")
        spread = _DEVIATION * error if _is_number(error) else None
        yield {
            "metric": metric if filtered == "none" else f"{metric}, {filtered}",
            "value": round(value, 6),
            "low": None if spread is None else round(value - spread, 6),
            "high": None if spread is None else round(value + spread, 6),
            "num_samples": _number_of(result.get("sample_len")),
            "higher_is_better": higher.get(metric) is not False,
        }


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number_of(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: Any) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
