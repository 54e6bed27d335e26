"""Why an execution of a workflow failed, in one line: what went wrong before where it did."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# After the state, the expression and JSONata's code, of which all that fail by `$error` tell first.
_BY_AN_EXPRESSION = re.compile(r"threw an error during evaluation(?:\. \w+)?: (.+)", re.DOTALL)
# What a job or a function says itself, within the JSON that Step Functions makes of its end.
_OWN_WORDS = re.compile(r'"(?:FailureReason|errorMessage)":\s*("(?:[^"\\]|\\.)+")')


# What SageMaker puts around a container's own words.
_AROUND = re.compile(r"AlgorithmError: (.+?)(?:, exit code: \d+)?", re.DOTALL)


def why_failed(execution: Mapping[str, Any]) -> str:
    """What DescribeExecution tells of a failed execution: its reason, then the execution."""
    return f"{reason_of(execution)} (the execution {execution['executionArn']})"


def reason_of(execution: Mapping[str, Any]) -> str:
    """Its reason alone: where a job failed, what the job said."""
    reason = _reason(execution.get("error") or execution["status"], execution.get("cause") or "")
    own = _AROUND.fullmatch(reason)
    return " ".join((own[1] if own else reason).split())


def _reason(error: str, cause: str) -> str:
    if found := _BY_AN_EXPRESSION.search(cause):
        return found[1]
    if found := _OWN_WORDS.search(cause):
        words: str = json.loads(found[1], strict=False)
        return words
    return f"{error}: {cause}" if cause else error
