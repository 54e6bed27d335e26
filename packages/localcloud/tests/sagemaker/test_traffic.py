"""Deployment configurations as plans."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.calls import ServiceError
from localcloud.sagemaker.traffic import TrafficPlan, read_plan


def _plan(kind: str, size: Any = None, num_instances: int = 4, wait: int = 60) -> Any:
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wait}
    member = "CanarySize" if kind == "CANARY" else "LinearStepSize"
    if size:
        routing[member] = {"Type": size[0], "Value": size[1]}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 5}
    return read_plan({"BlueGreenUpdatePolicy": policy}, num_instances)


def test_nothing_given_moves_all_at_once() -> None:
    assert read_plan({}, 1) == TrafficPlan(((1.0, 0),), 0, ())
    assert _plan("ALL_AT_ONCE").steps == ((1.0, 0),)


def test_canary_and_linear() -> None:
    assert _plan("CANARY", ("INSTANCE_COUNT", 1)).steps == ((0.25, 60), (1.0, 0))
    assert _plan("CANARY", ("CAPACITY_PERCENT", 10)).termination_wait_seconds == 5
    steps = _plan("LINEAR", ("CAPACITY_PERCENT", 40)).steps
    assert [round(share, 2) for share, _ in steps] == [0.4, 0.8, 1.0]


def test_rolling_bakes_after_every_batch() -> None:
    batch = {"Type": "CAPACITY_PERCENT", "Value": 50}
    policy = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 30}
    assert read_plan({"RollingUpdatePolicy": policy}, 2).steps == ((0.5, 30), (1.0, 30))


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("CANARY", None, "CANARY needs a CanarySize"),
        ("LINEAR", None, "LINEAR needs a LinearStepSize"),
        ("CANARY", ("CAPACITY_PERCENT", 60), "at most half"),
        ("CANARY", ("INSTANCE_COUNT", 3), "at most half"),
    ],
)
def test_what_is_refused(kind: str, size: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        _plan(kind, size)


def test_a_deployment_is_of_one_kind() -> None:
    config: dict[str, Any] = {"RollingUpdatePolicy": {}, "BlueGreenUpdatePolicy": {}}
    with pytest.raises(ServiceError, match="give one of"):
        read_plan(config, 2)
