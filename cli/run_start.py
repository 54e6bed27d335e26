"""`meguru run start`: every model is trained on what there is, by one command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.account import Account
from cli.complaint import complaint
from meguru.names import TEXT_DATASET, dataset_head_key, dataset_manifest_key


def start_runs(account: Account, models: Sequence[str], console: Console) -> bool:
    """Start a run of each model, or of those that are named, on the newest dataset version.

    Whether all were started: one that can't be keeps no other from it. ValueError where there is no
    such model, or nothing to train on.
    """
    machines = {
        outputs["ModelName"]: outputs["TrainAndRegisterArn"]
        for outputs in account.models().values()
    }
    if unknown := sorted(set(models) - set(machines)):
        raise ValueError(f"no model {', '.join(unknown)}: there are {', '.join(sorted(machines))}")
    detail = _newest_version(account)
    are_started = True
    for model in models or sorted(machines):
        try:
            name = _start(account, machines[model], detail)
        except (ClientError, BotoCoreError) as error:
            are_started = False
            console.print(
                f"{model}: not started: {complaint(error)}", highlight=False, soft_wrap=True
            )
        else:
            console.print(f"{model}: {name}", highlight=False, soft_wrap=True)
    return are_started


def _start(account: Account, machine: str, detail: dict[str, str]) -> str:
    """The name of the run."""
    started = account.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({"detail": detail})
    )
    return str(started["executionArn"].rpartition(":")[2])


def _newest_version(account: Account) -> dict[str, str]:
    """The dataset's HEAD with its rows, as a run is told of them."""
    s3, bucket = account.client("s3"), account.outputs["LakeBucket"]

    def read(key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return found

    try:
        version = str(read(dataset_head_key(TEXT_DATASET))["version"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise ValueError("there is no dataset version yet: put documents into the lake") from error
    manifest = read(dataset_manifest_key(TEXT_DATASET, version))
    return {"version": version, "rows": manifest.get("rows", version), "reason": "manual"}
