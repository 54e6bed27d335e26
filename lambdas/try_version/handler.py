"""Tries a version before anybody's request goes to it, and has what serves answer once as well."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.try_version.smoke_test import SmokeTest

# SageMaker waits so long for an answer: whatever takes longer hangs.
ANSWER_SECONDS = 60

logger = Logger(service="try_version")


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """What is wrong with `model_version` on the endpoint of smoke tests; empty: nothing.

    `now` is the time in milliseconds, as the workflow goes by it. `asked_at` is that time where
    the serving endpoint has answered a request: the alarms must have data of it from then on. It is
    empty where it hasn't: nothing serves, or nothing is awake.
    """
    smoke_test = SmokeTest(
        runtime(),
        os.environ["SMOKE_ENDPOINT"],
        kind=os.environ["MODEL_KIND"],
        model=os.environ["MODEL_NAME"],
        questions=json.loads(os.environ["QUESTIONS"]),
        maximum_seconds=float(os.environ["MAXIMUM_SECONDS"]),
    )
    failure = smoke_test.failure(event["model_version"])
    if failure:
        logger.warning("the smoke test failed", failure=failure)
        return {"failure": failure, "asked_at": ""}
    now = datetime.fromtimestamp(event["now"] / 1000, UTC).isoformat(timespec="seconds")
    return {"failure": "", "asked_at": now if serves(smoke_test) else ""}


def serves(smoke_test: SmokeTest) -> bool:
    """Whether the endpoint with the callers' traffic answers a request."""
    try:
        component = os.environ["ENDPOINT_NAME"] if os.environ["HOSTS_COMPONENT"] == "true" else ""
        smoke_test.on(os.environ["ENDPOINT_NAME"], component).ask_once()
    except (BotoCoreError, ClientError, ValueError) as error:
        logger.info("what serves has not answered", said=str(error))
        return False
    return True


@cache
def runtime() -> Any:
    """Waits for twice as long as an answer may take: the first one warms the version up."""
    seconds = 5 + min(2 * float(os.environ["MAXIMUM_SECONDS"]), ANSWER_SECONDS)
    config = Config(connect_timeout=5, read_timeout=seconds, retries={"total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", config=config)
