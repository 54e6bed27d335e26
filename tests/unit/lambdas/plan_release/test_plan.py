"""The next step of a release, and how traffic moves to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lambdas.plan_release.plan import (
    Component,
    Endpoint,
    Situation,
    Wanted,
    component_policy,
    failure,
    next_step,
    update_policy,
)

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
    wanted = {**usual, **values}["wanted"]
    return Situation(**{**usual, "config_name": wanted.name if wanted else "", **values})


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


HOSTING = Endpoint("InService", "hosting-1", "ml.m5.large", 0, hosts_components=True)
COPIES_OF_OLD = Component("InService", OLD.name, 2)
COPIES_OF_NEW = dataclasses.replace(COPIES_OF_OLD, model_name=NEW.name)


def hosted(**values: Any) -> Situation:
    """A new version is wanted on an endpoint that hosts copies of an old one."""
    usual: dict[str, Any] = {
        "endpoint": HOSTING,
        "component": COPIES_OF_OLD,
        "config_name": "hosting-1",
        "by_component": True,
    }
    return situation(**{**usual, **values})


def component(status: str, **values: Any) -> Component:
    return dataclasses.replace(COPIES_OF_OLD, status=status, **values)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        # From nothing to a copy that serves: the endpoint first, which is no attempt by itself.
        ({"endpoint": None, "component": None, "has_model": False}, "create_model"),
        ({"endpoint": None, "component": None, "has_config": False}, "create_hosting_config"),
        ({"endpoint": None, "component": None}, "create_endpoint"),
        ({"component": None}, "create_component"),
        ({"component": None, "attempted": NEW}, "create_component"),
        ({"component": COPIES_OF_NEW, "attempted": NEW}, "record_release"),
        ({"component": COPIES_OF_NEW, "released": NEW}, "give_claim_back"),
        ({"component": COPIES_OF_NEW, "released": NEW, "is_scaled": False}, "register_scaling"),
        # A new version replaces the old one, also where that has no copy.
        ({}, "update_component"),
        ({"component": dataclasses.replace(COPIES_OF_OLD, num_copies=0)}, "update_component"),
        ({"attempted": OLD}, "update_component"),
        # It fell back, or never started: the old one serves, where there is one.
        ({"attempted": NEW}, "record_failure"),
        ({"attempted": NEW, "component": component("Failed")}, "record_failure"),
        ({"attempted": NEW, "endpoint": endpoint("Failed"), "component": None}, "record_failure"),
        ({"attempted": NEW, "endpoint": None, "component": None}, "record_failure"),
        ({"failed": NEW}, "give_claim_back"),
        ({"failed": NEW, "is_scaled": False}, "register_scaling"),
        ({"failed": NEW, "is_scaled": False, "component": component("Failed")}, "give_claim_back"),
        ({"failed": NEW, "is_scaled": False, "component": None}, "give_claim_back"),
        # What is there of the other kind is scaled otherwise.
        ({"failed": NEW, "is_scaled": False, "endpoint": SERVING_OLD}, "give_claim_back"),
        ({"failed": NEW, "is_scaled": False, "by_component": False}, "give_claim_back"),
        # What has failed is in the way of the next version.
        ({"component": component("Failed")}, "delete_component"),
        ({"endpoint": dataclasses.replace(HOSTING, status="Failed")}, "delete_component"),
        (
            {"endpoint": dataclasses.replace(HOSTING, status="Failed"), "component": None},
            "delete_endpoint",
        ),
        # One that was left behind by an endpoint that somebody deleted.
        ({"endpoint": None}, "delete_component"),
        # On other instances: all of it is made anew, the component first.
        ({"config_name": "hosting-2"}, "delete_component"),
        ({"config_name": "hosting-2", "component": None}, "delete_endpoint"),
        ({"config_name": "hosting-2", "has_config": False}, "create_hosting_config"),
        # The environment had instances at all times, and has no more: what serves is another kind.
        ({"endpoint": SERVING_OLD, "component": None}, "delete_endpoint"),
        (
            {"endpoint": SERVING_OLD, "component": None, "has_config": False},
            "create_hosting_config",
        ),
        # And back.
        ({"by_component": False, "config_name": NEW.name}, "delete_component"),
        ({"by_component": False, "config_name": NEW.name, "component": None}, "delete_endpoint"),
        ({"by_component": False, "config_name": NEW.name, "has_config": False}, "create_config"),
    ],
)
def test_next_step_of_an_endpoint_that_hosts_a_component(values: dict[str, Any], step: str) -> None:
    assert next_step(hosted(**values)) == step


def test_a_release_ends_whatever_it_begins_with() -> None:
    """Carried out step by step, from every state of an endpoint of either kind."""
    endpoints = [None, SERVING_OLD, HOSTING, endpoint("Failed")]
    components = [None, COPIES_OF_OLD, component("Failed")]
    for by_component in (True, False):
        name = "hosting-2" if by_component else NEW.name
        for one in endpoints:
            for other in components:
                now = situation(
                    endpoint=one,
                    component=other,
                    config_name=name,
                    by_component=by_component,
                    has_model=False,
                    has_config=False,
                )
                steps = carried_out(now)
                assert steps[-1] == "give_claim_back" and len(steps) < 10, (one, other, steps)
                assert steps[-3] == "record_release"


def carried_out(now: Situation) -> list[str]:
    """The steps to the end, each doing what it says."""
    steps = [next_step(now)]
    while steps[-1] != "give_claim_back":
        now = dataclasses.replace(now, **_effect(now, steps[-1]))
        steps.append(next_step(now))
        assert len(steps) < 20, steps
    return steps


def _effect(now: Situation, step: str) -> dict[str, Any]:
    made = Endpoint("InService", now.config_name, now.instance_type, 1)
    made = dataclasses.replace(made, hosts_components=now.by_component)
    effects: dict[str, dict[str, Any]] = {
        "create_model": {"has_model": True},
        "create_config": {"has_config": True},
        "create_hosting_config": {"has_config": True},
        "create_endpoint": {"endpoint": made, "attempted": now.wanted, "is_scaled": False},
        "update_endpoint": {"endpoint": made, "attempted": now.wanted},
        "delete_endpoint": {"endpoint": None, "is_scaled": False},
        "create_component": {"component": COPIES_OF_NEW, "attempted": now.wanted},
        "update_component": {"component": COPIES_OF_NEW, "attempted": now.wanted},
        "delete_component": {"component": None, "is_scaled": False},
        "record_release": {"released": now.wanted, "is_scaled": False},
        "register_scaling": {"is_scaled": True},
    }
    # What goes, goes after what depends on it.
    assert step != "delete_endpoint" or now.component is None
    return effects[step]


def test_a_component_is_replaced_half_by_half_while_the_alarms_watch() -> None:
    policy = component_policy(bake_seconds=600)
    assert policy["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}
    assert policy["WaitIntervalInSeconds"] == 600
    assert component_policy(bake_seconds=0)["MaximumExecutionTimeoutInSeconds"] >= 600
    assert component_policy(bake_seconds=3600)["MaximumExecutionTimeoutInSeconds"] <= 28800


def test_failure_of_a_component_says_what_happened() -> None:
    rolled_back = dataclasses.replace(COPIES_OF_OLD, failure_reason="Alarms are ringing.")
    found = failure(NEW, HOSTING, rolled_back)
    assert found["Error"] == "ReleaseFailed"
    assert "the inference component is InService with text-1. Alarms are ringing." in found["Cause"]
    assert "hosting-1" in failure(NEW, dataclasses.replace(HOSTING, status="Failed"))["Cause"]


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
