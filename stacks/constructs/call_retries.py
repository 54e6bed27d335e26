"""What every call of a workflow is tried again for: an answer that failed, or was lost."""

from __future__ import annotations

from typing import Any

# Two minutes, more or less. What a job took hours for is not thrown away for a second of trouble.
RETRY = {
    "ErrorEquals": ["States.TaskFailed"],
    "IntervalSeconds": 2,
    "BackoffRate": 2,
    "MaxAttempts": 6,
    "JitterStrategy": "FULL",
}


def with_retries(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition whose calls are tried again: as they say themselves, or by `RETRY`.

    An error that a call's Catch names is an answer: it is not asked for again.
    """
    states = {
        name: {**state, "Retry": _retry(state)} if _is_call(state) else state
        for name, state in definition["States"].items()
    }
    return {**definition, "States": states}


def _is_call(state: dict[str, Any]) -> bool:
    return state["Type"] == "Task" and "Retry" not in state


def _retry(state: dict[str, Any]) -> list[dict[str, Any]]:
    named = [error for rule in state.get("Catch", []) for error in rule["ErrorEquals"]]
    answers = [error for error in named if not error.startswith("States.")]
    return [*([{"ErrorEquals": answers, "MaxAttempts": 0}] if answers else []), RETRY]
