"""Scheduled actions: bounds of a target that change at moments of the cloud's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.expressions import parse_expression, time_zone
from localcloud.events.timetable import Timetable
from localcloud.sagemaker.scalable_targets import ScalableTargets, key_of, matching, page


class ScheduledActions(ScalableTargets):
    """The scheduled action part of Application Auto Scaling's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._actions: dict[tuple[str, ...], dict[str, Any]] = {}
        self._timetable = Timetable(account.clock, "scheduled scaling actions")

    def start(self) -> None:
        super().start()
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()
        super().stop()

    def put_scheduled_action(self, request: Request, caller: Caller) -> Response:
        key = key_of(request)
        self.target(key)
        name = (*key, request["ScheduledActionName"])
        action = {**self._actions.get(name, self._new_action(request)), **request}
        if "Schedule" not in action:
            raise ServiceError("ValidationException", "Schedule is required for a new action.")
        anchor = action.get("StartTime", self.account.clock.now())
        try:
            zone = time_zone(action.get("Timezone", "UTC"))
            recurrence = parse_expression(action["Schedule"], anchor, zone)
        except ValueError as error:
            raise ServiceError("ValidationException", str(error)) from error
        self._actions[name] = action
        self._timetable.every(
            recurrence, self.account.clock.now(), name, lambda when: self._carry_out(name, when)
        )
        return {}

    def describe_scheduled_actions(self, request: Request, caller: Caller) -> Response:
        names = request.get("ScheduledActionNames")
        found = matching(self._actions.values(), request)
        kept = [each for each in found if not names or each["ScheduledActionName"] in names]
        return page(kept, request, "ScheduledActions")

    def delete_scheduled_action(self, request: Request, caller: Caller) -> Response:
        name = (*key_of(request), request["ScheduledActionName"])
        if name not in self._actions:
            raise ServiceError(
                "ObjectNotFoundException",
                f"No scheduled action found for service namespace: {name[0]}, resource ID: "
                f"{name[1]}, scheduled action name: {name[3]}",
            )
        self._forget(name)
        return {}

    def deregister_scalable_target(self, request: Request, caller: Caller) -> Response:
        response = super().deregister_scalable_target(request, caller)
        for name in [name for name in self._actions if name[:3] == key_of(request)]:
            self._forget(name)
        return response

    def _forget(self, name: tuple[str, ...]) -> None:
        self._timetable.cancel(name)
        del self._actions[name]

    def _carry_out(self, name: tuple[str, ...], when: datetime) -> None:
        action, key = self._actions[name], (name[0], name[1], name[2])
        is_early = when < action.get("StartTime", when)
        is_late = when > action.get("EndTime", when)
        suspended = self.target(key).get("SuspendedState", {}).get("ScheduledScalingSuspended")
        if is_early or is_late or suspended:
            return
        cause = f"scheduled action name {name[3]} was triggered"
        self.set_bounds(key, action.get("ScalableTargetAction", {}), cause)

    def _new_action(self, request: Request) -> dict[str, Any]:
        prefix = f"arn:aws:autoscaling:{self.account.region}:{self.account.id}:scheduledAction"
        resource = f"resource/{request['ServiceNamespace']}/{request['ResourceId']}"
        name = request["ScheduledActionName"]
        return {
            "ScheduledActionARN": f"{prefix}:{resource}:scheduledActionName/{name}",
            "CreationTime": self.account.clock.now(),
        }
