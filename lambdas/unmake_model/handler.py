"""A custom resource that, when its stack is deleted, unmakes what runs have made for a model."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.unmake_model.unmaking import Clients, Unmaking
from meguru.custom_resource import ANSWER_SECONDS, answer_event

SECONDS_BETWEEN_STEPS = 5
# What is left of the function's time when it gives up.
RESERVED_SECONDS = ANSWER_SECONDS


class StillThere(Exception):
    """Something is on its way out when the function's time is up."""


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation's event; unmake the model only where the whole stack goes.

    An endpoint that is just being created or updated can't be deleted yet. Raises StillThere then:
    Lambda calls a function twice more that was called asynchronously and failed, which makes
    three times a quarter of an hour, within the hour that CloudFormation waits.
    """
    if event["RequestType"] == "Delete" and _is_deleted(event["StackId"]):
        try:
            left = _unmake(context)
        except (ClientError, BotoCoreError) as error:
            answer_event(event, os.environ["MODEL"], str(error))
            return
        if left:
            raise StillThere(f"{', '.join(left)}: still there")
    answer_event(event, os.environ["MODEL"])


def _is_deleted(stack_id: str) -> bool:
    """False where an update removes the resource alone: its model serves on."""
    [stack] = boto3.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    return not stack["StackStatus"].startswith("UPDATE_")


def _unmake(context: Any) -> list[str]:
    clients = Clients(
        sagemaker=boto3.client("sagemaker"),
        scaling=boto3.client("application-autoscaling"),
        alarms=boto3.client("cloudwatch"),
        logs=boto3.client("logs"),
        states=boto3.client("stepfunctions"),
        tables=boto3.client("dynamodb"),
    )
    unmaking = Unmaking(
        clients,
        os.environ["MODEL"],
        workflows=json.loads(os.environ["WORKFLOWS"]),
        release_table=os.environ["RELEASE_TABLE"],
        keeps_versions=json.loads(os.environ["KEEPS_VERSIONS"]),
    )
    while left := unmaking.step():
        seconds = context.get_remaining_time_in_millis() / 1000
        if seconds < RESERVED_SECONDS + SECONDS_BETWEEN_STEPS:
            break
        time.sleep(SECONDS_BETWEEN_STEPS)
    return left
