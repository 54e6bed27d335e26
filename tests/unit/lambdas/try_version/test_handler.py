"""The function as the workflow calls it."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.try_version import handler as function
from tests.unit.lambdas.try_version.test_smoke_test import (
    SAID,
    VERSION,
    FakeRuntime,
    failing,
    refused,
    saying,
)

VARIABLES = {
    "SMOKE_ENDPOINT": "text--smoke",
    "ENDPOINT_NAME": "text",
    "HOSTS_COMPONENT": "false",
    "MODEL_KIND": "text",
    "MODEL_NAME": "chat",
    "QUESTIONS": '["a", "b"]',
    "MAXIMUM_SECONDS": "30",
}
EVENT = {"model_version": VERSION, "now": 1_800_000_000_000}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def outcome(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(function, "runtime", lambda: runtime)
    return function.handler(EVENT, None)


def test_what_serves_is_asked_after_it_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeRuntime(saying(SAID))
    said = outcome(runtime, monkeypatch)
    assert said == {"failure": "", "asked_at": "2027-01-15T08:00:00+00:00"}
    assert [one["EndpointName"] for one in runtime.asked] == [*["text--smoke"] * 2, "text"]


def test_nothing_is_demanded_where_nothing_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnlyTried(FakeRuntime):
        def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
            if request["EndpointName"] == "text":
                raise refused("ValidationError")
            return super().invoke_endpoint(**request)

    assert outcome(OnlyTried(saying(SAID)), monkeypatch) == {"failure": "", "asked_at": ""}


def test_a_version_that_fails_leaves_what_serves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeRuntime(failing(refused("ModelError")))
    said = outcome(runtime, monkeypatch)
    assert "was not answered" in said["failure"] and said["asked_at"] == ""
    assert {one["EndpointName"] for one in runtime.asked} == {"text--smoke"}
