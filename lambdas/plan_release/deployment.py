"""How SageMaker moves the traffic to a version, and what takes it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.plan_release.plan import component_policy, update_policy


def deployment(
    alarms: Sequence[str],
    *,
    settings: Mapping[str, str],
    num_instances: int,
    by_component: bool,
    goes_back: bool,
) -> dict[str, Any]:
    """The `DeploymentConfig` of an update, held against these alarms by their names.

    Back to what has served already all traffic goes at once.
    """
    bake_seconds = 0 if goes_back else int(settings["BAKE_SECONDS"])
    # SageMaker takes no empty list of them.
    rings = {"Alarms": [{"AlarmName": name} for name in alarms]}
    heeded = {"AutoRollbackConfiguration": rings} if alarms else {}
    if by_component:
        return {"RollingUpdatePolicy": component_policy(bake_seconds=bake_seconds), **heeded}
    policy = update_policy(
        num_instances,
        traffic="all_at_once" if goes_back else settings["TRAFFIC"],
        canary_percent=int(settings["CANARY_PERCENT"]),
        bake_seconds=bake_seconds,
    )
    return {"BlueGreenUpdatePolicy": policy, **heeded}
