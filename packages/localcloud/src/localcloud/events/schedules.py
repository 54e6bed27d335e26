"""EventBridge Scheduler's schedules: what is refused of them, and when they are due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from localcloud.calls import Request, ServiceError
from localcloud.events.expressions import Recurrence, parse_expression, time_zone
from localcloud.events.targets import check_target
from localcloud.events.transform import check_json
from localcloud.events.universal import check_universal, is_universal

_KEPT = (
    "ScheduleExpression",
    "Target",
    "FlexibleTimeWindow",
    "StartDate",
    "EndDate",
    "Description",
    "KmsKeyArn",
)


@dataclass
class Schedule:
    """A schedule as GetSchedule shows it, with the series of its moments."""

    members: dict[str, Any]
    recurrence: Recurrence

    @property
    def key(self) -> tuple[str, str]:
        return self.members["GroupName"], self.members["Name"]

    @property
    def arn(self) -> str:
        return str(self.members["Arn"])

    @property
    def group_arn(self) -> str:
        """What a role's trust policy sees as `aws:SourceArn`."""
        group = self.arn.replace(":schedule/", ":schedule-group/")
        return group.rpartition("/")[0]

    @property
    def enabled(self) -> bool:
        return bool(self.members["State"] == "ENABLED")

    @property
    def target(self) -> dict[str, Any]:
        return self.members["Target"]  # type: ignore[no-any-return]

    def summary(self) -> dict[str, Any]:
        """As `ScheduleSummary` of ListSchedules."""
        names = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
        summary = {name: self.members[name] for name in names}
        return summary | {"Target": {"Arn": self.target["Arn"]}}


@dataclass(frozen=True)
class Window:
    """A series between two dates, each itself included where given."""

    series: Recurrence
    start: datetime | None
    end: datetime | None

    def next_after(self, when: datetime) -> datetime | None:
        if self.start:
            when = max(when, self.start - timedelta(microseconds=1))
        found = self.series.next_after(when)
        return None if found and self.end and found > self.end else found


def _check_window(window: Mapping[str, Any]) -> None:
    # What fires to the second fires within its window.
    is_flexible = window["Mode"] == "FLEXIBLE"
    if is_flexible != ("MaximumWindowInMinutes" in window):
        message = "MaximumWindowInMinutes goes with the FlexibleTimeWindow Mode FLEXIBLE alone"
        raise ServiceError("ValidationException", message)


def schedule_of(request: Request, arn: str, created: datetime, now: datetime) -> Schedule:
    """The schedule of a Create- or UpdateSchedule; ValidationException names what is wrong."""
    try:
        _check_schedule_target(request["Target"])
        recurrence = _recurrence(request, now)
    except ValueError as error:
        raise ServiceError("ValidationException", str(error)) from error
    _check_window(request["FlexibleTimeWindow"])
    members = {
        "Arn": arn,
        "Name": request["Name"],
        "GroupName": request.get("GroupName", "default"),
        "State": request.get("State", "ENABLED"),
        "ScheduleExpressionTimezone": request.get("ScheduleExpressionTimezone", "UTC"),
        "ActionAfterCompletion": request.get("ActionAfterCompletion", "NONE"),
        "CreationDate": created,
        "LastModificationDate": now,
    }
    members |= {name: request[name] for name in _KEPT if name in request}
    return Schedule(members, recurrence)


def _check_schedule_target(target: dict[str, Any]) -> None:
    if is_universal(target["Arn"]):
        check_universal(target)
        return
    kind = check_target(target, needs_role=True)
    if kind == "logs":
        raise ValueError(f"{target['Arn']} is not a supported target: Scheduler knows no log group")
    if kind == "events" and "EventBridgeParameters" not in target:
        raise ValueError("EventBridgeParameters must be given for an event bus as the target")
    if kind in ("events", "lambda", "states") and "Input" in target:
        check_json(target["Input"], "Input")


def _recurrence(request: Request, now: datetime) -> Recurrence:
    start, end = request.get("StartDate"), request.get("EndDate")
    if start and end and start >= end:
        raise ValueError("StartDate must be before EndDate")
    zone: tzinfo = time_zone(request.get("ScheduleExpressionTimezone", "UTC"))
    expression = request["ScheduleExpression"]
    series = parse_expression(expression, start or now, zone)
    return series if expression.startswith("at(") else Window(series, start, end)
