"""The fewest instances follow the hours."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.follow_hours import handler as follow_hours
from meguru.hours import Hours, Span

RESOURCE = "endpoint/meguru-acme--chat/variant/AllTraffic"
ALWAYS = tuple(range(7))


class FakeScaling:
    def __init__(self, *targets: dict[str, Any]) -> None:
        self.targets = list(targets)
        self.registered: list[dict[str, Any]] = []

    def describe_scalable_targets(self, **asked: Any) -> dict[str, Any]:
        assert asked["ResourceIds"] == [RESOURCE]
        return {"ScalableTargets": self.targets}

    def register_scalable_target(self, **request: Any) -> None:
        self.registered.append(request)
        self.targets = [{**self.targets[0], "MinCapacity": request["MinCapacity"]}]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(scaling: FakeScaling, wanted: int) -> list[int]:
        span = Span("00:00", "24:00", wanted)
        monkeypatch.setenv("HOURS", Hours("Asia/Tokyo", ALWAYS, (span,), 1).as_json())
        monkeypatch.setenv("RESOURCE_ID", RESOURCE)
        monkeypatch.setenv("SCALABLE_DIMENSION", "sagemaker:variant:DesiredInstanceCount")
        monkeypatch.setattr(follow_hours, "scaling", lambda: scaling)
        follow_hours.hours.cache_clear()
        follow_hours.handler({}, None)
        return [one["MinCapacity"] for one in scaling.registered]

    return run


def test_the_fewest_become_what_is_wanted_once(run: Any) -> None:
    scaling = FakeScaling({"MinCapacity": 1, "MaxCapacity": 8})
    assert run(scaling, 3) == [3]
    assert run(scaling, 3) == [3]
    assert "MaxCapacity" not in scaling.registered[0]


def test_no_more_than_there_may_be(run: Any) -> None:
    assert run(FakeScaling({"MinCapacity": 1, "MaxCapacity": 2}), 6) == [2]


def test_an_endpoint_that_is_not_there_is_left_alone(run: Any) -> None:
    assert run(FakeScaling(), 3) == []
