"""The smoke test's endpoint: made, waited for, asked, and always done away with."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.plan_release.plan import Endpoint
from lambdas.plan_release.trial import Trial


def trial(status: str | None, *, config: str = "tried", **values: Any) -> Trial:
    endpoint = Endpoint(status, config, "m", 1, "It is broken.") if status else None
    usual: dict[str, Any] = {"config_name": "tried", "has_config": True, "failure": None}
    return Trial(endpoint, **{**usual, **values})


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (trial(None, has_config=False), "create_smoke_config"),
        (trial(None), "create_smoke_endpoint"),
        (trial("Creating", is_begun=True), "wait"),
        # Of an earlier version's, that somebody has stopped.
        (trial("Deleting"), "wait"),
        (trial("InService", config="other"), "delete_smoke_endpoint"),
        (trial("Failed", config="other", is_begun=True), "delete_smoke_endpoint"),
        (trial("Failed"), "delete_smoke_endpoint"),
        (trial("Failed", is_begun=True), "fail_smoke_test"),
        # Whoever made it.
        (trial("InService"), "smoke_test"),
        (trial("InService", failure="It says nothing."), "fail_smoke_test"),
        (trial("InService", failure=""), "delete_smoke_endpoint"),
        (trial("Deleting", failure=""), ""),
        (trial(None, failure=""), ""),
    ],
)
def test_next_step(now: Trial, step: str) -> None:
    assert now.next_step == step


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (None, ""),
        ("Creating", "wait"),
        ("Deleting", ""),
        ("InService", "delete_smoke_endpoint"),
        ("Failed", "delete_smoke_endpoint"),
    ],
)
def test_nothing_of_it_stays(status: str | None, step: str) -> None:
    assert trial(status).clearing_step == step


def test_why_it_failed() -> None:
    assert trial("InService", failure="It says nothing.").why_failed == "It says nothing."
    assert trial("Failed").why_failed == "It is broken."
    assert trial(None).why_failed
