"""Scalable targets: what may be scaled, between which bounds, and how it is scaled."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.scalable import (
    DIMENSIONS,
    VARIANT_DIMENSION,
    capacity_of,
    check_there,
    set_capacity,
)
from localcloud.service import Service

_log = logging.getLogger(__name__)
_DEFAULT_PAGE = 50
Key = tuple[str, str, str]


def key_of(request: Request) -> Key:
    """Namespace, resource and dimension: what a target is known by."""
    return (request["ServiceNamespace"], request["ResourceId"], request["ScalableDimension"])


class ScalableTargets(Service):
    """Targets, their capacity and their scaling activities.

    Only SageMaker's variants and inference components are scaled; other targets are recorded.
    """

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._targets: dict[Key, dict[str, Any]] = {}
        self._activities: list[dict[str, Any]] = []
        self._scaling_lock = threading.RLock()

    def register_scalable_target(self, request: Request, caller: Caller) -> Response:
        key = key_of(request)
        if request["ScalableDimension"] in DIMENSIONS:
            check_there(self.account.client("sagemaker"), key[1], key[2])
        with self._scaling_lock:
            known = self._targets.get(key)
            target = {**(known or self._new_target(request)), **_without_tags(request)}
            _check_bounds(target)
            self._targets[key] = target
        self._keep_within(key, "a scalable target was registered")
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def describe_scalable_targets(self, request: Request, caller: Caller) -> Response:
        found = matching(self._targets.values(), request)
        wanted = request.get("ResourceIds")
        kept = [each for each in found if not wanted or each["ResourceId"] in wanted]
        return page(kept, request, "ScalableTargets")

    def deregister_scalable_target(self, request: Request, caller: Caller) -> Response:
        with self._scaling_lock:
            self.target(key_of(request))
            del self._targets[key_of(request)]
        return {}

    def describe_scaling_activities(self, request: Request, caller: Caller) -> Response:
        return page(matching(reversed(self._activities), request), request, "ScalingActivities")

    def target(self, key: Key) -> dict[str, Any]:
        if key not in self._targets:
            namespace, resource_id, dimension = key
            raise ServiceError(
                "ObjectNotFoundException",
                f"No scalable target registered for service namespace: {namespace}, resource ID: "
                f"{resource_id}, scalable dimension: {dimension}",
            )
        return self._targets[key]

    def set_bounds(self, key: Key, action: dict[str, int], cause: str) -> None:
        """What a scheduled action does: new bounds, and a capacity within them."""
        with self._scaling_lock:
            if key not in self._targets:
                return
            target = {**self._targets[key], **action}
            _check_bounds(target)
            self._targets[key] = target
        self._keep_within(key, cause)

    def capacity(self, key: Key) -> int | None:
        """The desired count; None while what has it is not there or is changing."""
        if key[2] not in DIMENSIONS:
            return None
        return capacity_of(self.account.client("sagemaker"), key[1], key[2])

    def scale(self, key: Key, capacity: int, cause: str) -> bool:
        """Bring a target to `capacity` within its bounds; False when nothing was to change."""
        with self._scaling_lock:
            target, current = self.target(key), self.capacity(key)
            wanted = max(target["MinCapacity"], min(capacity, target["MaxCapacity"]))
            if current is None or wanted == current:
                return False
            self._set_capacity(key, wanted, cause)
        return True

    def _keep_within(self, key: Key, cause: str) -> None:
        current = self.capacity(key)
        if current is not None:
            self.scale(key, current, cause)

    def _set_capacity(self, key: Key, capacity: int, cause: str) -> None:
        now = self.account.clock.now()
        word = "instance" if key[2] == VARIANT_DIMENSION else "copy"
        activity = {
            "ActivityId": str(uuid.uuid4()),
            **dict(zip(("ServiceNamespace", "ResourceId", "ScalableDimension"), key, strict=True)),
            "Description": f"Setting desired {word} count to {capacity}.",
            "Cause": cause,
            "StartTime": now,
            "StatusCode": "Successful",
        }
        try:
            set_capacity(self.account.client("sagemaker"), key[1], key[2], capacity)
        except ClientError as error:
            activity.update(StatusCode="Failed", StatusMessage=str(error))
            _log.warning("%s was not scaled to %s: %s", key[1], capacity, error)
        self._activities.append({**activity, "EndTime": self.account.clock.now()})

    def _new_target(self, request: Request) -> dict[str, Any]:
        account, region = self.account.id, self.account.region
        for member in ("MinCapacity", "MaxCapacity"):
            if member not in request:
                raise ServiceError(
                    "ValidationException", f"{member} is required to register a new target."
                )
        return {
            "RoleARN": (
                f"arn:aws:iam::{account}:role/aws-service-role/"
                "sagemaker.application-autoscaling.amazonaws.com/"
                "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            ),
            "CreationTime": self.account.clock.now(),
            "SuspendedState": {
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
            "ScalableTargetARN": (
                f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/"
                f"{uuid.uuid4().hex[:22]}"
            ),
        }


def _without_tags(request: Request) -> Request:
    return {key: value for key, value in request.items() if key != "Tags"}


def _check_bounds(target: dict[str, Any]) -> None:
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise ServiceError(
            "ValidationException", "Maximum capacity cannot be less than minimum capacity"
        )


def matching(records: Iterable[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """The records of the request's namespace, and of its resource and dimension where given."""
    members = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    return [
        record
        for record in list(records)
        if all(request.get(each, record[each]) == record[each] for each in members)
    ]


def page(records: list[dict[str, Any]], request: Request, result: str) -> Response:
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ServiceError("InvalidNextTokenException", "The NextToken is invalid.")
    end = int(token) + request.get("MaxResults", _DEFAULT_PAGE)
    found: Response = {result: records[int(token) : end]}
    return {**found, "NextToken": str(end)} if end < len(records) else found
