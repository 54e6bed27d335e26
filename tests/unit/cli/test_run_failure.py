"""What went wrong comes first, out of whatever Step Functions tells around it."""

from __future__ import annotations

import json

import pytest

from cli.run_failure import why_failed

ARN = "arn:aws:states:us-east-1:123456789012:execution:CurateDataset:run-1"
REASON = 'ClientError: Data download failed: the S3 key "raw/faq": 変えてください'
EXPRESSION = (
    "An error occurred while executing the state 'JobFailed' (entered at the event id #12). The "
    "JSONata expression '$error($fault)' specified for the field 'Assign/redrives' threw an error "
    "during evaluation"
)


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        ("States.QueryEvaluationError", f"{EXPRESSION}. D3137: {REASON}", REASON),
        ("States.QueryEvaluationError", f"{EXPRESSION}: {REASON}", REASON),
        ("States.TaskFailed", json.dumps({"A": "x" * 5000, "FailureReason": REASON}), REASON),
        (
            "States.TaskFailed",
            json.dumps({"FailureReason": REASON}, ensure_ascii=False, separators=(",", ":")),
            REASON,
        ),
        ("KeyError", json.dumps({"errorMessage": "'a'\n b", "errorType": "KeyError"}), "'a' b"),
        ("EndpointFailed", "It\nbroke.", "EndpointFailed: It broke."),
        ("States.Timeout", None, "States.Timeout"),
        (None, None, "ABORTED"),
        ("Broken", '{"FailureReason": "cut o', 'Broken: {"FailureReason": "cut o'),
    ],
)
def test_the_reason_comes_first(error: str | None, cause: str | None, reason: str) -> None:
    execution = {"executionArn": ARN, "status": "ABORTED", "error": error, "cause": cause}
    assert why_failed(execution) == f"{reason} (the execution {ARN})"


def test_what_is_not_told_is_left_out() -> None:
    assert why_failed({"executionArn": ARN, "status": "TIMED_OUT"}) == (
        f"TIMED_OUT (the execution {ARN})"
    )
