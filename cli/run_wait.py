"""Waiting for a first training run: what has to happen before there is one."""

from __future__ import annotations

from collections.abc import Callable

from cli.account import Account
from cli.run_failure import why_failed
from cli.runs import Run, newest_runs, no_runs

POLL_SECONDS = 2.0
STARTS = "one starts once they are a dataset version, or by `meguru run start`"


def wait_for_run(
    account: Account, minutes: int, tell: Callable[[str], None], pause: Callable[[float], None]
) -> Run:
    """The newest run, as soon as there is one. `tell` hears what it waits for, when that changes.

    ValueError where there is none within `minutes`.
    """
    said = ""
    for number in range(1 + round(60 * minutes / POLL_SECONDS)):
        if number:
            pause(POLL_SECONDS)
        if runs := newest_runs(account, 1):
            return runs[0]
        if minutes and (waits_for := awaited(account)) != said:
            tell(f"No training run yet, for {minutes} min at most: {waits_for}")
            said = waits_for
    raise ValueError(no_runs(account) + (f"; waited {minutes} min" if minutes else ""))


def awaited(account: Account) -> str:
    """What a first run waits for, by how the newest curation stands."""
    states = account.client("stepfunctions")
    listed = states.list_executions(
        stateMachineArn=account.outputs["CurateDatasetArn"], maxResults=1
    )
    if not listed["executions"]:
        return f"waiting for documents in the lake; {STARTS}"
    newest = listed["executions"][0]
    if newest["status"] == "RUNNING":
        return f"waiting for the lake's documents to be curated; {STARTS}"
    if newest["status"] == "SUCCEEDED":
        return "the documents are curated; waiting for a run to start, or for `meguru run start`"
    failed = states.describe_execution(executionArn=newest["executionArn"])
    return f"the last curation failed, waiting for another: {why_failed(failed)}"
