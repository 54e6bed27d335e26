"""A rehearsal runs a definition for real: its retries, waits, stops and redrives, in no time."""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from localcloud.workflows.rehearsal import Rehearsal

DEFINITION = json.dumps(
    {
        "QueryLanguage": "JSONata",
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 86400, "Next": "Put"},
            "Put": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
                "Arguments": {"Bucket": "b", "Key": "{% $states.input.key %}"},
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}],
                "Output": "{% $states.result.ETag %}",
                "End": True,
            },
        },
    }
)


class FakeS3:
    """An S3 that fails as often as it is told, and then takes what it is given."""

    def __init__(self, num_failures: int = 0) -> None:
        self.num_failures = num_failures
        self.keys: list[str] = []

    def put_object(self, **request: Any) -> dict[str, str]:
        self.keys.append(request["Key"])
        if len(self.keys) <= self.num_failures:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "PutObject")
        return {"ETag": "e"}


def test_a_day_and_two_retries_take_no_time() -> None:
    s3, began = FakeS3(num_failures=2), time.monotonic()
    rehearsal = Rehearsal(DEFINITION, lambda service: {"s3": s3}[service])
    rehearsal.start("run", {"key": "k"})
    end = rehearsal.end()
    assert (end["status"], end["output"], s3.keys) == ("SUCCEEDED", '"e"', ["k"] * 3)
    assert time.monotonic() - began < 10


def test_what_failed_is_redriven() -> None:
    s3 = FakeS3(num_failures=4)
    rehearsal = Rehearsal(DEFINITION, lambda service: s3)
    run = rehearsal.start("run", {"key": "k"})
    end = rehearsal.end()
    assert (end["status"], end["error"]) == ("FAILED", "S3.S3Exception")
    rehearsal.redrive(run)
    assert rehearsal.end()["status"] == "SUCCEEDED"


def test_a_call_may_stop_its_execution() -> None:
    class Stopping(FakeS3):
        def put_object(self, **request: Any) -> dict[str, str]:
            rehearsal.stop(run)
            return super().put_object(**request)

    s3 = Stopping()
    rehearsal = Rehearsal(DEFINITION, lambda service: s3)
    run = "arn:aws:states:us-east-1:123456789012:execution:rehearsal:run"
    assert rehearsal.start("run", {"key": "k"}) == run
    assert rehearsal.end()["status"] == "ABORTED"
