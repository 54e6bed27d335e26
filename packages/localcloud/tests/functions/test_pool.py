"""Concurrency: as many instances as calls need, no more than are allowed, and none forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SLEEP = """
    import os, time
    def handler(event, context):
        time.sleep(event)
        return os.getpid()
"""


def test_calls_at_the_same_time_have_processes_of_their_own(account: Any) -> None:
    name = account.function(SLEEP)
    with ThreadPoolExecutor(4) as threads:
        pids = list(threads.map(lambda _: account.invoke(name, 1.5), range(4)))
    assert len(set(pids)) == 4


def test_a_burst_of_short_calls_is_served_by_few_processes(account: Any) -> None:
    name = account.function(SLEEP)
    with ThreadPoolExecutor(100) as threads:
        pids = list(threads.map(lambda _: account.invoke(name, 0.001), range(300)))
    assert len(pids) == 300
    assert len(set(pids)) < 30


def test_reserved_concurrency_throttles(account: Any, eventually: Callable[..., Any]) -> None:
    name = account.function(SLEEP)
    account.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(account.invoke, name, 1.0)
        eventually(lambda: account.service.pools.busy(name) == 1)
        with pytest.raises(account.api.exceptions.TooManyRequestsException) as refused:
            account.service.cloud.client("lambda").invoke(FunctionName=name, Payload=b"0")
        assert refused.value.response["Reason"].startswith("ReservedFunctionConcurrent")
        assert running.result()
    assert account.invoke(name, 0)
    account.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(account.api.exceptions.TooManyRequestsException):
        account.api.invoke(FunctionName=name, Payload=b"0")


def test_an_update_replaces_the_processes(account: Any, eventually: Callable[..., Any]) -> None:
    name = account.function(SLEEP)
    before = account.invoke(name, 0)
    account.api.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"NEW": "1"}}
    )
    assert account.invoke(name, 0) != before
    eventually(lambda: not Path(f"/proc/{before}").exists())


def test_idle_instances_are_ended(account: Any) -> None:
    name = account.function(SLEEP)
    pid = account.invoke(name, 0)
    version = account.service.catalog.version(name)
    account.service.pools._pool(version).reap(time.monotonic() + 1)
    assert not Path(f"/proc/{pid}").exists()
    assert account.invoke(name, 0) != pid


def test_warm_calls_and_failed_starts_leave_no_descriptors(account: Any) -> None:
    name = account.function("def handler(event, context): return event")
    broken = account.function("raise ValueError")
    invoke = account.service.invoker.invoke
    invoke(name, None, b"0"), invoke(broken, None, b"0")
    assert account.service.log_writer.flush()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(500):
        payload = str(number).encode()
        assert invoke(name, None, payload).payload == payload
    assert all(invoke(broken, None, b"0").failed for _ in range(5))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
