"""Amazon EventBridge Scheduler: schedules in groups, fired by the cloud's clock."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.firing import SERVICE, Firing
from localcloud.events.paging import page
from localcloud.events.roles import assumed
from localcloud.events.schedules import Schedule, schedule_of
from localcloud.events.timetable import Timetable
from localcloud.service import Service

_DEFAULT_GROUP = "default"


class SchedulerService(Service):
    """Scheduler: a schedule's target is called as the target's role."""

    service_name = "scheduler"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._lock = threading.RLock()
        self._schedules: dict[tuple[str, str], Schedule] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._timetable = Timetable(account.clock, "scheduler")
        self._firing = Firing(account)
        self._add_group(_DEFAULT_GROUP)

    def start(self) -> None:
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()
        self._firing.courier.stop()

    @property
    def num_undelivered(self) -> int:
        return self._firing.courier.num_undelivered

    def create_schedule(self, request: Request, _caller: Caller) -> Response:
        _check_name(request["Name"])
        with self._lock:
            group = self._group(request.get("GroupName", _DEFAULT_GROUP))
            if (group["Name"], request["Name"]) in self._schedules:
                message = f"Schedule {request['Name']} already exists."
                raise ServiceError("ConflictException", message, 409)
            now = self.account.clock.now()
            arn = self._arn("schedule", f"{group['Name']}/{request['Name']}")
            schedule = schedule_of(request, arn, now, now)
            self._check_role(schedule)
            self._schedules[schedule.key] = schedule
            self._put_on_timetable(schedule, now)
        return {"ScheduleArn": arn}

    def update_schedule(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            old, now = self._schedule(request), self.account.clock.now()
            schedule = schedule_of(request, old.arn, old.members["CreationDate"], now)
            self._check_role(schedule)
            self._schedules[schedule.key] = schedule
            self._put_on_timetable(schedule, now)
        return {"ScheduleArn": schedule.arn}

    def get_schedule(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            return dict(self._schedule(request).members)

    def delete_schedule(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            self._remove(self._schedule(request))
        return {}

    def list_schedules(self, request: Request, _caller: Caller) -> Response:
        prefix, group = request.get("NamePrefix", ""), request.get("GroupName")
        with self._lock:
            found = [
                schedule.summary()
                for (of_group, name), schedule in sorted(self._schedules.items())
                if name.startswith(prefix)
                and group in (None, of_group)
                and request.get("State") in (None, schedule.members["State"])
            ]
        some, more = page(found, request.get("MaxResults"), request.get("NextToken"))
        return {"Schedules": some, **more}

    def create_schedule_group(self, request: Request, _caller: Caller) -> Response:
        _check_name(request["Name"])
        with self._lock:
            if request["Name"] in self._groups:
                message = f"Schedule group {request['Name']} already exists."
                raise ServiceError("ConflictException", message, 409)
            arn = self._add_group(request["Name"])
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        return {"ScheduleGroupArn": arn}

    def get_schedule_group(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            return dict(self._group(request.get("Name", _DEFAULT_GROUP)))

    def list_schedule_groups(self, request: Request, _caller: Caller) -> Response:
        prefix = request.get("NamePrefix", "")
        with self._lock:
            found = [group for name, group in self._groups.items() if name.startswith(prefix)]
        some, more = page(found, request.get("MaxResults"), request.get("NextToken"))
        return {"ScheduleGroups": some, **more}

    def delete_schedule_group(self, request: Request, _caller: Caller) -> Response:
        if request["Name"] == _DEFAULT_GROUP:
            raise ServiceError("ValidationException", "The default group can't be deleted.")
        with self._lock:
            group = self._group(request["Name"])
            for schedule in list(self._schedules.values()):
                if schedule.members["GroupName"] == group["Name"]:
                    self._remove(schedule)
            del self._groups[group["Name"]]
            self._tags.pop(group["Arn"], None)
        return {}

    def tag_resource(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            tags = self._tags_of(request["ResourceArn"])
            tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def untag_resource(self, request: Request, _caller: Caller) -> Response:
        with self._lock:
            tags = self._tags_of(request["ResourceArn"])
            for key in request["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: Request, _caller: Caller) -> Response:
        tags = self._tags_of(request["ResourceArn"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _tags_of(self, arn: str) -> dict[str, str]:
        if arn not in self._tags:
            raise ServiceError("ResourceNotFoundException", f"{arn} does not exist.", 404)
        return self._tags[arn]

    def _check_role(self, schedule: Schedule) -> None:
        try:
            assumed(self.account, SERVICE, schedule.target["RoleArn"], schedule.group_arn)
        except ClientError as error:
            message = (
                "The execution role you provide must allow AWS EventBridge Scheduler to assume "
                f"the role: {error}"
            )
            raise ServiceError("ValidationException", message) from error

    def _arn(self, kind: str, path: str) -> str:
        return f"arn:aws:scheduler:{self.account.region}:{self.account.id}:{kind}/{path}"

    def _add_group(self, name: str) -> str:
        now, arn = self.account.clock.now(), self._arn("schedule-group", name)
        dates = {"CreationDate": now, "LastModificationDate": now}
        self._groups[name] = {"Name": name, "Arn": arn, "State": "ACTIVE"} | dates
        self._tags[arn] = {}
        return arn

    def _group(self, name: str) -> dict[str, Any]:
        if name not in self._groups:
            message = f"Schedule group {name} does not exist."
            raise ServiceError("ResourceNotFoundException", message, 404)
        return self._groups[name]

    def _schedule(self, request: Request) -> Schedule:
        key = (request.get("GroupName", _DEFAULT_GROUP), request["Name"])
        if key not in self._schedules:
            message = f"Schedule {request['Name']} does not exist."
            raise ServiceError("ResourceNotFoundException", message, 404)
        return self._schedules[key]

    def _remove(self, schedule: Schedule) -> None:
        self._timetable.cancel(schedule.key)
        self._schedules.pop(schedule.key, None)

    def _put_on_timetable(self, schedule: Schedule, now: datetime) -> None:
        # A rate without a start date begins with the schedule: at this very moment.
        after = now - timedelta(microseconds=1)
        if schedule.enabled:
            self._timetable.every(
                schedule.recurrence, after, schedule.key, lambda when: self._fire(schedule, when)
            )
        else:
            self._timetable.cancel(schedule.key)

    def _fire(self, schedule: Schedule, when: datetime) -> None:
        self._firing.post(schedule, when)
        with self._lock:
            finished = schedule.recurrence.next_after(when) is None
            current = self._schedules.get(schedule.key) is schedule
            if finished and current and schedule.members["ActionAfterCompletion"] == "DELETE":
                self._remove(schedule)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[0-9a-zA-Z\-_.]{1,64}", name):
        raise ServiceError("ValidationException", f"{name!r} can't be a name")
