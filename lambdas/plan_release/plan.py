"""What a release has to do next, decided from what is wanted, what is there, and what failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# SageMaker takes no other change of an endpoint meanwhile.
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass(frozen=True)
class Wanted:
    """A decision of a person: a version, when it was approved, and the name of its model and
    endpoint config, which says what they are made of."""

    package: str
    approved_at: str
    name: str


@dataclass(frozen=True)
class Endpoint:
    """The endpoint as SageMaker describes it; `instance_type` is None where nothing tells it."""

    status: str
    config_name: str
    instance_type: str | None
    num_instances: int
    failure_reason: str = ""


@dataclass(frozen=True)
class Situation:
    """`attempted` is what this execution has asked SageMaker to deploy.

    `trial_step` brings the smoke test of the wanted version nearer to its end, `clearing_step` does
    away with its endpoint; either is empty where nothing is left to do.
    """

    wanted: Wanted | None
    released: Wanted | None
    failed: Wanted | None
    attempted: Wanted | None
    endpoint: Endpoint | None
    has_model: bool
    has_config: bool
    is_scaled: bool
    instance_type: str
    trial_step: str = ""
    clearing_step: str = ""

    @property
    def serves_wanted(self) -> bool:
        return (
            self.wanted is not None
            and self.endpoint is not None
            and self.endpoint.status == "InService"
            and self.endpoint.config_name == self.wanted.name
        )


def next_step(now: Situation) -> str:
    """The name of the one step that brings the endpoint nearer to what is wanted."""
    if now.wanted is None or now.wanted == now.failed:
        return _settle(now)
    if now.serves_wanted:
        return _settle(now) if now.wanted == now.released else "record_release"
    if now.wanted == now.attempted or _is_broken(now.endpoint):
        return "record_failure"
    if not now.has_model:
        return "create_model"
    if now.trial_step:
        return now.trial_step
    if not now.has_config:
        return "create_config"
    return _deploy(now)


def _settle(now: Situation) -> str:
    if now.clearing_step:
        return now.clearing_step
    serves = now.endpoint is not None and now.endpoint.status == "InService"
    return "register_scaling" if serves and not now.is_scaled else "give_claim_back"


def _is_broken(endpoint: Endpoint | None) -> bool:
    """Whether only a person can help: a failed endpoint is deleted and made anew, these are not."""
    return endpoint is not None and endpoint.status in ("OutOfService", "UpdateRollbackFailed")


def _deploy(now: Situation) -> str:
    if now.endpoint is None:
        return "create_endpoint"
    if now.endpoint.status != "InService":
        return "delete_endpoint"
    # SageMaker refuses another instance type while the variant is a scalable target.
    same_type = now.endpoint.instance_type == now.instance_type
    return "update_endpoint" if same_type else "replace_instances"


def failure(wanted: Wanted, endpoint: Endpoint | None) -> dict[str, str]:
    """Why a release has failed, as Step Functions names errors."""
    if endpoint is None:
        return {"Error": "ReleaseFailed", "Cause": f"{wanted.package}: the endpoint was deleted."}
    if _is_broken(endpoint):
        said = endpoint.failure_reason or "It has to be repaired or deleted by hand."
        cause = f"the endpoint is {endpoint.status}, which releases can't change. {said}"
        return {"Error": "EndpointUnusable", "Cause": f"{wanted.package}: {cause}"}
    said = endpoint.failure_reason or "The new version was rolled back."
    cause = f"the endpoint is {endpoint.status} with {endpoint.config_name}. {said}"
    return {"Error": "ReleaseFailed", "Cause": f"{wanted.package}: {cause}"}


def smoke_failure(wanted: Wanted, why: str) -> dict[str, str]:
    """A version that didn't pass its smoke test has had no request of a caller."""
    cause = f"the smoke test failed, and what served before goes on serving: {why}"
    return {"Error": "SmokeTestFailed", "Cause": f"{wanted.package}: {cause}"}


def refusal(wanted: Wanted, why: str) -> dict[str, str]:
    return {"Error": "ReleaseRefused", "Cause": f"{wanted.package}: {why}."}


def update_policy(
    num_instances: int, *, traffic: str, canary_percent: int, bake_seconds: int
) -> dict[str, Any]:
    """SageMaker's blue/green policy for a fleet of this size.

    A canary is at least one instance and at most half of the fleet, as SageMaker wants it. A single
    instance has no canary: all traffic goes to the new one, and the old one stays until it has
    proved itself, so that an alarm can still take the traffic back.
    """
    if traffic == "canary" and num_instances > 1:
        size = min(math.ceil(num_instances * canary_percent / 100), num_instances // 2)
        routing = {
            "Type": "CANARY",
            "WaitIntervalInSeconds": bake_seconds,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": size},
        }
        termination_wait_seconds = 0
    else:
        routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        termination_wait_seconds = bake_seconds
    return {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": termination_wait_seconds,
        "MaximumExecutionTimeoutInSeconds": bake_seconds + 3600,
    }
