"""Scaling policies: by target tracking, or by steps that an alarm starts."""

from __future__ import annotations

import uuid
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.scalable import DIMENSIONS
from localcloud.sagemaker.scalable_targets import (
    Key,
    key_of,
    matching,
    page,
)
from localcloud.sagemaker.scheduled_actions import ScheduledActions
from localcloud.sagemaker.target_tracking import PREDEFINED

_METRIC = ("Namespace", "MetricName", "Statistic")
_CONFIGURATIONS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}


class ScalingPolicies(ScheduledActions):
    """The scaling policy part of Application Auto Scaling's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._policies: dict[tuple[str, ...], dict[str, Any]] = {}

    def put_scaling_policy(self, request: Request, caller: Caller) -> Response:
        key = key_of(request)
        self.target(key)
        name = (*key, request["PolicyName"])
        policy = {**self._policies.get(name, self._new_policy(request)), **request}
        policy.setdefault("PolicyType", "StepScaling")
        _check_policy(policy)
        self._policies[name] = policy
        return {"PolicyARN": policy["PolicyARN"], "Alarms": []}

    def describe_scaling_policies(self, request: Request, caller: Caller) -> Response:
        names = request.get("PolicyNames")
        found = matching(self._policies.values(), request)
        kept = [each for each in found if not names or each["PolicyName"] in names]
        return page(kept, request, "ScalingPolicies")

    def delete_scaling_policy(self, request: Request, caller: Caller) -> Response:
        name = (*key_of(request), request["PolicyName"])
        if name not in self._policies:
            raise ServiceError(
                "ObjectNotFoundException",
                f"No scaling policy found for service namespace: {name[0]}, resource ID: "
                f"{name[1]}, scalable dimension: {name[2]}, policy name: {name[3]}",
            )
        del self._policies[name]
        return {}

    def deregister_scalable_target(self, request: Request, caller: Caller) -> Response:
        response = super().deregister_scalable_target(request, caller)
        for name in [name for name in self._policies if name[:3] == key_of(request)]:
            del self._policies[name]
        return response

    def policies_of(self, policy_type: str) -> list[tuple[Key, dict[str, Any]]]:
        """The policies of a type that scale something here, each with its target's key."""
        return [
            (key_of(policy), policy)
            for policy in list(self._policies.values())
            if policy["PolicyType"] == policy_type and policy["ScalableDimension"] in DIMENSIONS
        ]

    def _new_policy(self, request: Request) -> dict[str, Any]:
        prefix = f"arn:aws:autoscaling:{self.account.region}:{self.account.id}:scalingPolicy"
        resource = f"resource/{request['ServiceNamespace']}/{request['ResourceId']}"
        return {
            "PolicyARN": f"{prefix}:{uuid.uuid4()}:{resource}:policyName/{request['PolicyName']}",
            "CreationTime": self.account.clock.now(),
            "Alarms": [],
        }


def _check_policy(policy: dict[str, Any]) -> None:
    kind = policy["PolicyType"]
    if kind not in _CONFIGURATIONS:
        raise ServiceError(
            "ValidationException",
            f"PolicyType {kind} is not carried out by localcloud: use TargetTrackingScaling or "
            "StepScaling.",
        )
    if _CONFIGURATIONS[kind] not in policy:
        raise ServiceError(
            "ValidationException", f"{_CONFIGURATIONS[kind]} is required for {kind}."
        )
    if kind == "TargetTrackingScaling" and policy["ScalableDimension"] in DIMENSIONS:
        _check_metric(policy[_CONFIGURATIONS[kind]], policy["ScalableDimension"])


def _check_metric(configuration: dict[str, Any], dimension: str) -> None:
    if not configuration["TargetValue"] > 0:
        raise ServiceError("ValidationException", "TargetValue must be above 0.")
    given = [
        member
        for member in ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
        if member in configuration
    ]
    if len(given) != 1:
        raise ServiceError(
            "ValidationException",
            "Give one of PredefinedMetricSpecification and CustomizedMetricSpecification.",
        )
    specification = configuration[given[0]]
    predefined = specification.get("PredefinedMetricType")
    if predefined is not None and predefined not in PREDEFINED[dimension]:
        raise ServiceError(
            "ValidationException",
            f"The metric {predefined} does not scale {dimension}: use "
            f"{' or '.join(PREDEFINED[dimension])}.",
        )
    if "Metrics" in specification:
        raise ServiceError(
            "ValidationException",
            "CustomizedMetricSpecification.Metrics is not carried out by localcloud: name one "
            "metric.",
        )
    if given[0].startswith("Customized"):
        missing = [each for each in _METRIC if each not in specification]
        if missing:
            raise ServiceError(
                "ValidationException",
                f"CustomizedMetricSpecification needs {', '.join(missing)}.",
            )
