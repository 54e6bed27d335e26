"""How a deployment moves traffic to a new fleet: shares, waits, and the alarms it heeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.sagemaker.naming import validation_error


@dataclass(frozen=True)
class TrafficPlan:
    """`steps` are (share of the new fleet, seconds to wait after it); the last share is 1.

    The old fleet ends `termination_wait_seconds` after the last step. An alarm of `alarm_names`
    in ALARM until then takes all traffic back.
    """

    steps: tuple[tuple[float, int], ...] = ((1.0, 0),)
    termination_wait_seconds: int = 0
    alarm_names: tuple[str, ...] = ()
    time_limit_seconds: int | None = None


def read_plan(config: Mapping[str, Any], num_instances: int) -> TrafficPlan:
    """The plan of a DeploymentConfig for a new fleet of `num_instances`.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
    """
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    names = tuple(alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm)
    if "RollingUpdatePolicy" in config and "BlueGreenUpdatePolicy" in config:
        raise validation_error(
            "DeploymentConfig: give one of BlueGreenUpdatePolicy and RollingUpdatePolicy."
        )
    if "RollingUpdatePolicy" in config:
        policy = config["RollingUpdatePolicy"]
        batch = _share(policy["MaximumBatchSize"], num_instances, "MaximumBatchSize")
        steps = _even_steps(batch, policy["WaitIntervalInSeconds"])
        # A rolling update bakes after each batch, the last one too.
        steps = (*steps[:-1], (1.0, policy["WaitIntervalInSeconds"]))
        return TrafficPlan(steps, 0, names, policy.get("MaximumExecutionTimeoutInSeconds"))
    if "BlueGreenUpdatePolicy" not in config:
        return TrafficPlan(alarm_names=names)
    policy = config["BlueGreenUpdatePolicy"]
    return TrafficPlan(
        _blue_green_steps(policy["TrafficRoutingConfiguration"], num_instances),
        policy.get("TerminationWaitInSeconds", 0),
        names,
        policy.get("MaximumExecutionTimeoutInSeconds"),
    )


def _blue_green_steps(
    routing: Mapping[str, Any], num_instances: int
) -> tuple[tuple[float, int], ...]:
    kind, wait = routing["Type"], routing["WaitIntervalInSeconds"]
    if kind == "ALL_AT_ONCE":
        return ((1.0, 0),)
    member = "CanarySize" if kind == "CANARY" else "LinearStepSize"
    if member not in routing:
        raise validation_error(f"TrafficRoutingConfiguration: {kind} needs a {member}.")
    share = _share(routing[member], num_instances, member)
    return ((share, wait), (1.0, 0)) if kind == "CANARY" else _even_steps(share, wait)


def _share(size: Mapping[str, Any], num_instances: int, member: str) -> float:
    total = 100 if size["Type"] == "CAPACITY_PERCENT" else num_instances
    share = float(size["Value"]) / total
    if not 0 < share <= 0.5:
        raise validation_error(
            f"{member} of {size['Value']} {size['Type']} must be above 0 and at most half of the "
            f"fleet ({num_instances} instances)."
        )
    return share


def _even_steps(share: float, wait: int) -> tuple[tuple[float, int], ...]:
    steps = []
    reached = share
    while reached < 0.999:
        steps.append((reached, wait))
        reached += share
    return (*steps, (1.0, 0))
