"""Python functions in processes of their own: answers, failures, environment, logs."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROBE = """
    import os, time
    count = 0
    def handler(event, context):
        global count
        count += 1
        print("受け取りました", event)
        match event.get("do"):
            case "raise": raise ValueError("壊れた")
            case "exit": os._exit(3)
            case "sleep": time.sleep(event["seconds"])
            case "big": return "x" * event["size"]
            case "unserializable": return object()
            case "environment": return dict(os.environ)
            case "pid": open(event["file"], "w").write(str(os.getpid())); time.sleep(30)
        return {"count": count, "pid": os.getpid(), "event": event,
                "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(scope="module")
def probe(account: Any) -> str:
    name: str = account.function(PROBE, Timeout=3, Environment={"Variables": {"OWN": "値"}})
    return name


def test_a_process_is_kept_warm(account: Any, probe: str) -> None:
    first, second = account.invoke(probe, {}), account.invoke(probe, {})
    assert second["pid"] == first["pid"]
    assert second["count"] == first["count"] + 1
    assert first["arn"].endswith(f":function:{probe}")
    assert 0 < first["left"] <= 3000


def test_unicode_and_large_payloads_arrive_whole(account: Any, probe: str) -> None:
    event = {"text": "日本語😀\u2028", "large": "あ" * 1_500_000}
    assert account.invoke(probe, event)["event"] == event


def test_payloads_above_six_megabytes_are_refused(account: Any, probe: str) -> None:
    with pytest.raises(account.api.exceptions.RequestTooLargeException):
        account.api.invoke(FunctionName=probe, Payload=b'"' + b"x" * 6_291_457 + b'"')
    kind, error = account.invoke(probe, {"do": "big", "size": 6_300_000})
    assert (kind, error["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert account.invoke(probe, {})["count"] > 0


def test_a_raised_error_is_described_and_the_process_kept(account: Any, probe: str) -> None:
    before = account.invoke(probe, {})["pid"]
    kind, error = account.invoke(probe, {"do": "raise"})
    assert kind == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "壊れた")
    assert "index.py" in error["stackTrace"][0]
    assert account.invoke(probe, {})["pid"] == before


def test_an_answer_that_is_not_json(account: Any, probe: str) -> None:
    _, error = account.invoke(probe, {"do": "unserializable"})
    assert error["errorType"] == "Runtime.MarshalError"


def test_a_timeout_kills_the_process(account: Any, probe: str) -> None:
    before = account.invoke(probe, {})["pid"]
    started = time.monotonic()
    _, error = account.invoke(probe, {"do": "sleep", "seconds": 60})
    assert 2.5 < time.monotonic() - started < 8
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Task timed out after 3.00 seconds")
    assert not Path(f"/proc/{before}").exists()
    assert account.invoke(probe, {})["count"] == 1


def test_a_crash_is_an_exit_error(account: Any, probe: str) -> None:
    _, error = account.invoke(probe, {"do": "exit"})
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert account.invoke(probe, {})["count"] == 1


def test_a_process_killed_while_it_works(
    account: Any, probe: str, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    written = tmp_path / "pid"
    answers: list[Any] = []
    event = {"do": "pid", "file": str(written)}
    thread = threading.Thread(target=lambda: answers.append(account.invoke(probe, event)))
    thread.start()
    eventually(lambda: written.exists() and written.read_text())
    os.kill(int(written.read_text()), signal.SIGKILL)
    thread.join(5)
    assert answers[0][1]["errorMessage"].endswith("signal: killed")


def test_a_process_killed_while_idle_is_replaced(account: Any, probe: str) -> None:
    os.kill(account.invoke(probe, {})["pid"], signal.SIGKILL)
    time.sleep(0.1)
    assert account.invoke(probe, {})["count"] == 1


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("raise KeyError('setting')", "KeyError"),
        ("import nonexistent_module", "Runtime.ImportModuleError"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("other = 1", "Runtime.HandlerNotFound"),
        ("import os; os._exit(1)", "Runtime.ExitError"),
    ],
)
def test_errors_of_the_init_phase(account: Any, source: str, error_type: str) -> None:
    kind, error = account.invoke(account.function(source), {})
    assert (kind, error["errorType"]) == ("Unhandled", error_type)


def test_the_environment_is_lambdas_and_nothing_leaks(
    account: Any, probe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "1")
    name = account.function(PROBE, MemorySize=256, Environment={"Variables": {"OWN": "値"}})
    env = account.invoke(name, {"do": "environment"})
    assert env["OWN"] == "値"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert env["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
    assert env["AWS_ENDPOINT_URL"] == account.cloud.endpoint_url
    assert env["_HANDLER"] == "index.handler"
    assert not {"SECRET_OF_THE_PARENT", "HOME", "VIRTUAL_ENV"} & env.keys()


def test_a_function_acts_as_its_role(account: Any) -> None:
    source = """
        import boto3
        def handler(event, context):
            try:
                boto3.client("sqs").list_queues()
            except Exception as error:
                return {"error": str(error), "me": boto3.client("sts").get_caller_identity()["Arn"]}
            return "allowed"
    """
    refused = account.invoke(account.function(source, Role=account.role("logs:*")), {})
    assert "is not authorized to perform: sqs:ListQueues" in refused["error"]
    assert ":assumed-role/role-" in refused["me"]
    allowed = account.function(source, Role=account.role("logs:*", "sqs:ListQueues"))
    assert account.invoke(allowed, {}) == "allowed"


def test_the_tail_and_the_log_group_tell_of_an_invocation(account: Any, probe: str) -> None:
    answer = account.api.invoke(FunctionName=probe, Payload=b'{"x": 1}', LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().split("\n")
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == "受け取りました {'x': 1}"
    assert lines[-2].startswith("END RequestId: ")
    assert "Max Memory Used: " in lines[-1]
    assert account.service.log_writer.flush()
    logs = account.cloud.client("logs")
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{probe}")["events"]
    assert "受け取りました {'x': 1}" in [event["message"] for event in found]


def test_without_the_grant_logs_are_lost_and_said_once(
    account: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name = account.function(PROBE, Role=account.role())
    for _ in range(3):
        account.invoke(name, {})
    assert account.service.log_writer.flush()
    account.invoke(name, {})
    assert account.service.log_writer.flush()
    warnings = [record.getMessage() for record in caplog.records if name in record.getMessage()]
    assert len(warnings) == 1
    assert "logs:CreateLogStream" in warnings[0]


def test_client_context_reaches_the_handler(account: Any) -> None:
    name = account.function("def handler(e, c): return c.client_context.custom")
    context = base64.b64encode(json.dumps({"custom": {"a": "b\n\rc: d"}}).encode()).decode()
    assert account.invoke(name, {}, ClientContext=context) == {"a": "b\n\rc: d"}
