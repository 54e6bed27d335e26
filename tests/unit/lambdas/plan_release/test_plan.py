"""The next step of a release, and how traffic moves to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lambdas.plan_release.plan import Endpoint, Situation, Wanted, failure, next_step, update_policy

OLD = Wanted("arn:p/group/1", "2026-01-01", "text-1")
NEW = Wanted("arn:p/group/2", "2026-01-02", "text-2")
SERVING_OLD = Endpoint("InService", OLD.name, "ml.m5.large", 2)
SERVING_NEW = dataclasses.replace(SERVING_OLD, config_name=NEW.name)


def situation(**values: Any) -> Situation:
    """A new version is wanted while an old one serves; all else is as it should be."""
    usual: dict[str, Any] = {
        "wanted": NEW,
        "released": OLD,
        "failed": None,
        "attempted": None,
        "endpoint": SERVING_OLD,
        "has_model": True,
        "has_config": True,
        "is_scaled": True,
        "instance_type": "ml.m5.large",
    }
    return Situation(**{**usual, **values})


def endpoint(status: str) -> Endpoint:
    return dataclasses.replace(SERVING_OLD, status=status)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({"has_model": False, "has_config": False}, "create_model"),
        ({"has_config": False}, "create_config"),
        ({}, "update_endpoint"),
        ({"instance_type": "ml.g5.xlarge"}, "replace_instances"),
        ({"endpoint": None}, "create_endpoint"),
        ({"endpoint": endpoint("Failed")}, "delete_endpoint"),
        ({"endpoint": SERVING_NEW}, "record_release"),
        ({"endpoint": SERVING_NEW, "attempted": NEW}, "record_release"),
        ({"endpoint": SERVING_NEW, "released": NEW}, "give_claim_back"),
        ({"endpoint": SERVING_NEW, "released": NEW, "is_scaled": False}, "register_scaling"),
        # Rolled back, or failed while it was made.
        ({"attempted": NEW}, "record_failure"),
        ({"attempted": NEW, "endpoint": endpoint("Failed")}, "record_failure"),
        ({"attempted": NEW, "endpoint": None}, "record_failure"),
        ({"attempted": OLD}, "update_endpoint"),
        ({"endpoint": endpoint("OutOfService")}, "record_failure"),
        ({"endpoint": endpoint("UpdateRollbackFailed")}, "record_failure"),
        # What has failed is left until it is approved again, or made of something else.
        ({"failed": NEW}, "give_claim_back"),
        ({"failed": NEW, "endpoint": endpoint("Failed")}, "give_claim_back"),
        ({"failed": NEW, "is_scaled": False}, "register_scaling"),
        ({"failed": dataclasses.replace(NEW, approved_at="2026-01-01")}, "update_endpoint"),
        ({"failed": dataclasses.replace(NEW, name="text-3")}, "update_endpoint"),
        ({"wanted": None}, "give_claim_back"),
        ({"wanted": None, "endpoint": None}, "give_claim_back"),
        ({"wanted": None, "is_scaled": False}, "register_scaling"),
        # The released version, made of something else: by another template.
        ({"wanted": dataclasses.replace(OLD, name="text-4")}, "update_endpoint"),
        # The smoke test comes before anything that callers notice, and its endpoint goes after it.
        ({"trial_step": "smoke_test"}, "smoke_test"),
        ({"trial_step": "smoke_test", "has_model": False}, "create_model"),
        ({"trial_step": "smoke_test", "endpoint": SERVING_NEW}, "record_release"),
        ({"trial_step": "smoke_test", "failed": NEW}, "give_claim_back"),
        ({"clearing_step": "wait", "failed": NEW}, "wait"),
        ({"clearing_step": "wait", "wanted": None}, "wait"),
        # Somebody deleted the endpoint.
        ({"wanted": OLD, "endpoint": None}, "create_endpoint"),
    ],
)
def test_next_step(values: dict[str, Any], step: str) -> None:
    assert next_step(situation(**values)) == step


@pytest.mark.parametrize(
    ("now", "error", "said"),
    [
        (None, "ReleaseFailed", "deleted"),
        (endpoint("InService"), "ReleaseFailed", "rolled back"),
        (
            dataclasses.replace(endpoint("Failed"), failure_reason="No capacity."),
            "ReleaseFailed",
            "No capacity.",
        ),
        (endpoint("UpdateRollbackFailed"), "EndpointUnusable", "by hand"),
    ],
)
def test_failure_says_what_happened(now: Endpoint | None, error: str, said: str) -> None:
    found = failure(NEW, now)
    assert found["Error"] == error
    assert NEW.package in found["Cause"]
    assert said in found["Cause"]


@pytest.mark.parametrize("canary_percent", [1, 10, 33, 50])
@pytest.mark.parametrize("num_instances", range(2, 41))
def test_a_canary_is_an_instance_at_least_and_half_of_them_at_most(
    num_instances: int, canary_percent: int
) -> None:
    policy = update_policy(
        num_instances, traffic="canary", canary_percent=canary_percent, bake_seconds=600
    )
    routing = policy["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"]["Type"] == "INSTANCE_COUNT"
    assert 1 <= routing["CanarySize"]["Value"] <= num_instances / 2
    assert routing["WaitIntervalInSeconds"] == 600


@pytest.mark.parametrize(("num_instances", "traffic"), [(1, "canary"), (8, "all_at_once")])
def test_without_a_canary_the_old_fleet_stays_while_the_alarms_watch(
    num_instances: int, traffic: str
) -> None:
    policy = update_policy(num_instances, traffic=traffic, canary_percent=10, bake_seconds=600)
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "ALL_AT_ONCE",
        "WaitIntervalInSeconds": 0,
    }
    assert policy["TerminationWaitInSeconds"] == 600
    assert 1200 < policy["MaximumExecutionTimeoutInSeconds"] <= 28800
