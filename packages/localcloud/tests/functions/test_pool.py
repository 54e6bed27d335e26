"""Concurrency: as many instances as calls need, no more than are allowed, and none forgotten."""

from __future__ import annotations

import json
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


# Each call waits for the others, or for a file: how long a process takes to start changes nothing.
MEET = """
    import os, time
    from pathlib import Path
    def handler(event, context):
        folder, num_calls = Path(event["folder"]), event["num_calls"]
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < num_calls:
            time.sleep(0.01)
        return os.getpid()
"""
HELD = """
    import time
    from pathlib import Path
    def handler(event, context):
        while not Path(event).exists():
            time.sleep(0.01)
        return "let go"
"""


def test_calls_at_the_same_time_have_processes_of_their_own(account: Any, tmp_path: Path) -> None:
    name = account.function(MEET, Timeout=60)
    event = {"folder": str(tmp_path), "num_calls": 4}
    with ThreadPoolExecutor(4) as threads:
        pids = list(threads.map(lambda _: account.invoke(name, event), range(4)))
    assert sorted(map(str, pids)) == sorted(path.name for path in tmp_path.iterdir())


def test_a_burst_of_short_calls_is_served_by_few_processes(account: Any) -> None:
    name = account.function(SLEEP)
    with ThreadPoolExecutor(100) as threads:
        pids = list(threads.map(lambda _: account.invoke(name, 0.001), range(300)))
    assert len(pids) == 300
    assert len(set(pids)) < 30


def test_reserved_concurrency_throttles(account: Any, tmp_path: Path) -> None:
    name, file = account.function(HELD, Timeout=60), tmp_path / "go"
    account.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    client, event = account.service.account.client("lambda"), json.dumps(str(file)).encode()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(account.invoke, name, str(file))
        while account.service.pools.busy(name) == 0:
            time.sleep(0.01)
        with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
            client.invoke(FunctionName=name, Payload=event)
        assert refused.value.response["Reason"].startswith("ReservedFunctionConcurrent")
        file.touch()
        assert running.result() == "let go"
    assert account.invoke(name, str(file)) == "let go"
    account.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        account.api.invoke(FunctionName=name, Payload=event)


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
