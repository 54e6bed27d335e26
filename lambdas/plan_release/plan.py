"""What a release has to do next, decided from what is wanted, what is there, and what failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# SageMaker takes no other change of an endpoint meanwhile.
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass(frozen=True)
class Wanted:
    """A decision of a person: a version, when it was approved, and the name of its model, which
    says what it and its endpoint config are made of. The config has the same name, but for an
    endpoint that hosts an inference component."""

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
    hosts_components: bool = False


@dataclass(frozen=True)
class Component:
    """The endpoint's inference component: its model, and how many copies of it are wanted."""

    status: str
    model_name: str
    num_copies: int
    failure_reason: str = ""


@dataclass(frozen=True)
class Situation:
    """`attempted` is what this execution has asked SageMaker to deploy.

    `config_name` is that of the endpoint config that is wanted. Where `by_component` the endpoint
    has no model, and an inference component on it has one.

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
    config_name: str = ""
    by_component: bool = False
    component: Component | None = None
    trial_step: str = ""
    clearing_step: str = ""

    @property
    def stands(self) -> bool:
        """Whether the endpoint is there, as it is wanted."""
        return (
            self.endpoint is not None
            and self.endpoint.status == "InService"
            and self.endpoint.config_name == self.config_name
        )

    @property
    def serves_wanted(self) -> bool:
        if self.wanted is None or not self.stands or not self.by_component:
            return self.wanted is not None and self.stands
        one = self.component
        return one is not None and (one.status, one.model_name) == ("InService", self.wanted.name)

    @property
    def serves(self) -> bool:
        """Whether something of the wanted kind does, be it another version: it can be scaled."""
        if self.endpoint is None or self.endpoint.status != "InService":
            return False
        if self.by_component != self.endpoint.hosts_components:
            return False
        return not self.by_component or (
            self.component is not None and self.component.status == "InService"
        )

    @property
    def has_failed(self) -> bool:
        """Whether what this execution has tried came to its end, and not to serve."""
        if self.wanted is None or self.wanted != self.attempted:
            return False
        # The endpoint comes first, and the component after it.
        return not (self.by_component and self.stands and self.component is None)


def is_changing(*hosts: Endpoint | Component | None) -> bool:
    return any(one is not None and one.status in CHANGING for one in hosts)


def next_step(now: Situation) -> str:
    """The name of the one step that brings the endpoint nearer to what is wanted."""
    if now.wanted is None or now.wanted == now.failed:
        return _settle(now)
    if now.serves_wanted:
        return _settle(now) if now.wanted == now.released else "record_release"
    if now.has_failed or _is_broken(now.endpoint):
        return "record_failure"
    if not now.has_model:
        return "create_model"
    if now.trial_step:
        return now.trial_step
    if not now.has_config:
        return "create_hosting_config" if now.by_component else "create_config"
    return _deploy(now)


def _settle(now: Situation) -> str:
    if now.clearing_step:
        return now.clearing_step
    return "register_scaling" if now.serves and not now.is_scaled else "give_claim_back"


def _is_broken(endpoint: Endpoint | None) -> bool:
    """Whether only a person can help: a failed endpoint is deleted and made anew, these are not."""
    return endpoint is not None and endpoint.status in ("OutOfService", "UpdateRollbackFailed")


def _deploy(now: Situation) -> str:
    if now.endpoint is None:
        # One that outlived its endpoint keeps its name from another.
        return "delete_component" if now.component else "create_endpoint"
    if now.endpoint.status == "InService" and now.by_component == now.endpoint.hosts_components:
        return _deploy_component(now) if now.by_component else _update(now.endpoint, now)
    return _unmake(now)


def _update(endpoint: Endpoint, now: Situation) -> str:
    # SageMaker refuses another instance type while the variant is a scalable target.
    same_type = endpoint.instance_type == now.instance_type
    return "update_endpoint" if same_type else "replace_instances"


def _deploy_component(now: Situation) -> str:
    if not now.stands:
        # SageMaker updates components, and not what hosts them: other instances are made anew.
        return _unmake(now)
    if now.component is None:
        return "create_component"
    return "update_component" if now.component.status == "InService" else "delete_component"


def _unmake(now: Situation) -> str:
    """Components first: an endpoint that goes leaves them behind."""
    return "delete_component" if now.component else "delete_endpoint"


def failure(
    wanted: Wanted, endpoint: Endpoint | None, component: Component | None = None
) -> dict[str, str]:
    """Why a release has failed, as Step Functions names errors."""
    if endpoint is None:
        return {"Error": "ReleaseFailed", "Cause": f"{wanted.package}: the endpoint was deleted."}
    if _is_broken(endpoint):
        said = endpoint.failure_reason or "It has to be repaired or deleted by hand."
        cause = f"the endpoint is {endpoint.status}, which releases can't change. {said}"
        return {"Error": "EndpointUnusable", "Cause": f"{wanted.package}: {cause}"}
    if component is not None:
        said = component.failure_reason or "The new version was rolled back."
        cause = f"the inference component is {component.status} with {component.model_name}. {said}"
        return {"Error": "ReleaseFailed", "Cause": f"{wanted.package}: {cause}"}
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


def component_policy(*, bake_seconds: int) -> dict[str, Any]:
    """SageMaker's rolling policy for an inference component: half of its copies at a time.

    That is the most it takes of several; of a single one the new copy serves beside the old one
    before that goes. The alarms watch each step, and take it back.
    """
    return {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": bake_seconds,
        "MaximumExecutionTimeoutInSeconds": 2 * bake_seconds + 2 * 3600,
    }
