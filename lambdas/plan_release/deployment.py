"""How SageMaker brings the traffic to a version, and what takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.plan_release.plan import component_policy, update_policy


def deployments(
    alarms: Sequence[str],
    *,
    num_instances: int,
    traffic: str,
    canary_percent: int,
    bake_seconds: int,
    goes_back: bool,
) -> dict[str, Any]:
    """The `DeploymentConfig` of an update, of an endpoint and of a component on one, held against
    these alarms by their names. Back to what has served already all traffic goes at once."""
    if goes_back:
        traffic, bake_seconds = "all_at_once", 0
    policy = update_policy(
        num_instances, traffic=traffic, canary_percent=canary_percent, bake_seconds=bake_seconds
    )
    # SageMaker takes no empty list of them.
    rings = {"Alarms": [{"AlarmName": name} for name in alarms]}
    heeded = {"AutoRollbackConfiguration": rings} if alarms else {}
    rolling = component_policy(bake_seconds=bake_seconds)
    return {
        "deployment": {"BlueGreenUpdatePolicy": policy, **heeded},
        "component_deployment": {"RollingUpdatePolicy": rolling, **heeded},
    }
