"""What a function has started ends with the cloud."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.functions.service import LambdaService

CHILDREN = """
    import subprocess, time
    def handler(event, context):
        subprocess.Popen(["sleep", "600"])
        time.sleep(event)
"""


def marked(marker: str) -> list[str]:
    """The processes whose environment holds the marker."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:  # It has ended while it was looked at.
            continue
    return found


def test_no_process_is_left_and_no_caller_hangs(
    account_of: Callable[[Cloud], Any], eventually: Callable[..., Any]
) -> None:
    marker = uuid.uuid4().hex
    variables = {"Variables": {"MARKER": marker}}
    with Cloud(services=[LambdaService]) as cloud:
        account = account_of(cloud)
        idle = account.function(CHILDREN, Environment=variables)
        account.invoke(idle, 0)
        busy = account.function(CHILDREN, Environment=variables, Timeout=600)
        waiting = account.function("import time; time.sleep(600)", Environment=variables)
        outcomes: list[object] = []
        callers = [
            threading.Thread(target=lambda name=name: outcomes.append(call(account, name)))
            for name in (busy, waiting)
        ]
        for caller in callers:
            caller.start()
        eventually(lambda: len(marked(marker)) >= 5)
        started = time.monotonic()
    assert time.monotonic() - started < 10
    for caller in callers:
        caller.join(10)
    assert len(outcomes) == 2
    assert marked(marker) == []


def call(account: Any, name: str) -> object:
    try:
        return account.invoke(name, 600)
    except (ClientError, BotoCoreError) as error:
        return error


def test_an_idle_cloud_rests(account_of: Callable[[Cloud], Any]) -> None:
    with Cloud(services=[LambdaService]) as cloud:
        account = account_of(cloud)
        role = account.role("sqs:*", "logs:*")
        sqs = cloud.client("sqs")
        for number in range(5):
            name = account.function("def handler(e, c): pass", Role=role)
            sqs.create_queue(QueueName=f"queue-{number}")
            arn = f"arn:aws:sqs:{cloud.region}:{cloud.account.id}:queue-{number}"
            account.api.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
            account.invoke(name)
        time.sleep(0.5)
        before = time.process_time()
        time.sleep(2)
        assert time.process_time() - before < 0.1
