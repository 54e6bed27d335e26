"""An environment's training runs: executions of train_and_register, of every model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.account import Account
from cli.model_versions import standing
from cli.run_failure import why_failed

RUNNING = "RUNNING"


@dataclass(frozen=True)
class Run:
    """One run; `ended_at` is None while it goes on. `endpoint` is what serves its model."""

    name: str
    model: str
    arn: str
    started_at: datetime
    ended_at: datetime | None = None
    endpoint: str = ""


@dataclass(frozen=True)
class End:
    """How a run ended, in one line; `is_registered` where a model version came of it.

    `failed` where it broke off, before the gate could refuse what it made.
    """

    is_registered: bool
    said: str
    failed: bool = False


def newest_runs(account: Account, most: int) -> list[Run]:
    """The newest runs of all models, those that go on before those that have ended."""
    found: list[Run] = []
    for outputs in account.models().values():
        found += _runs_of(account, outputs, most)
    found.sort(key=lambda run: (run.ended_at is None, run.started_at), reverse=True)
    return found[:most]


def find_run(account: Account, name: str = "") -> Run:
    """The run of this name, or the newest. ValueError where there is none."""
    runs = newest_runs(account, 100 if name else 1)
    if not runs:
        raise ValueError(no_runs(account))
    matching = [run for run in runs if run.name.startswith(name)]
    if not matching or (len(matching) > 1 and all(run.name != name for run in matching)):
        said = f"{len(matching)} runs begin with" if matching else "there is no run"
        raise ValueError(f"{said} {name[:100]!a}: `meguru run list` has their names")
    return next((run for run in matching if run.name == name), matching[0])


def no_runs(account: Account) -> str:
    return (
        f"there is no training run of '{account.environment_name}' in {account.place}: "
        "one starts when a dataset version is made of what is put into the lake"
    )


def end_of(account: Account, run: Run) -> End | None:
    """What came of a run, None while it goes on."""
    states = account.client("stepfunctions")
    execution: Mapping[str, Any] = states.describe_execution(executionArn=run.arn)
    if execution["status"] == RUNNING:
        return None
    if execution["status"] != "SUCCEEDED":
        return End(False, f"failed: {why_failed(execution)}", failed=True)
    outcome = json.loads(execution["output"])
    if arn := outcome.get("model_package_arn"):
        group, _, version = arn.partition(":model-package/")[2].partition("/")
        how = standing(account, arn, run.endpoint)
        return End(True, f"registered as version {version} of {group}: {how}")
    return End(False, f"refused by the gate: {'; '.join(outcome.get('reasons', []))}")


def _runs_of(account: Account, outputs: Mapping[str, str], most: int) -> list[Run]:
    pages = (
        account.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(
            stateMachineArn=outputs["TrainAndRegisterArn"], PaginationConfig={"MaxItems": most}
        )
    )
    return [
        Run(
            one["name"],
            outputs["ModelName"],
            one["executionArn"],
            one["startDate"],
            one.get("stopDate"),
            outputs["EndpointName"],
        )
        for page in pages
        for one in page["executions"]
    ]
