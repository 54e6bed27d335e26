"""EventBridge's operations on rules and their targets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.bus_operations import BusOperations
from localcloud.events.buses import DEFAULT_BUS, Bus, Rule
from localcloud.events.expressions import Recurrence, parse_expression
from localcloud.events.paging import page
from localcloud.events.patterns import Pattern
from localcloud.events.targets import check_target
from localcloud.events.timetable import Timetable
from localcloud.events.transform import check_input

_MOST_TARGETS = 5
_EVENT_FIELDS = ("id", "account", "source", "time", "region", "detail-type")


class RuleOperations(BusOperations):
    """What clients ask of rules."""

    timetable: Timetable
    send_scheduled: Callable[[Rule, datetime], None]

    def put_rule(self, request: Request, _caller: Caller) -> Response:
        pattern_text, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
        if not re.fullmatch(r"[.\-_A-Za-z0-9]{1,64}", request["Name"]):
            raise _invalid(f"{request['Name']!r} can't be a rule's name")
        if not pattern_text and not schedule:
            raise _invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        pattern = parse_pattern(pattern_text) if pattern_text else None
        with self.lock:
            bus = self.buses.get(request.get("EventBusName"))
            recurrence = self._recurrence(schedule, bus) if schedule else None
            rule = self._rule(bus, request["Name"])
            rule.pattern_text, rule.pattern, rule.schedule = pattern_text, pattern, schedule
            rule.state = request.get("State", "ENABLED")
            rule.description, rule.role_arn = request.get("Description"), request.get("RoleArn")
            self._reschedule(rule, recurrence)
            if request.get("Tags"):
                self._tag(rule.arn, request["Tags"])
        return {"RuleArn": rule.arn}

    def describe_rule(self, request: Request, _caller: Caller) -> Response:
        rule = self.buses.get(request.get("EventBusName")).rule(request["Name"])
        return rule.described() | {"CreatedBy": rule.created_by}

    def list_rules(self, request: Request, _caller: Caller) -> Response:
        prefix = request.get("NamePrefix", "")
        with self.lock:
            rules = sorted(self.buses.get(request.get("EventBusName")).rules.items())
        found = [rule for name, rule in rules if name.startswith(prefix)]
        some, more = page(found, request.get("Limit"), request.get("NextToken"))
        return {"Rules": [rule.described() for rule in some], **more}

    def enable_rule(self, request: Request, _caller: Caller) -> Response:
        return self._switch(request, "ENABLED")

    def disable_rule(self, request: Request, _caller: Caller) -> Response:
        return self._switch(request, "DISABLED")

    def delete_rule(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            bus = self.buses.get(request.get("EventBusName"))
            rule = bus.rules.get(request["Name"])
            if rule and rule.targets:
                raise _invalid("Rule can't be deleted since it has targets.")
            if rule:
                del bus.rules[rule.name]
                self.timetable.cancel(rule.arn)
                self.tags.pop(rule.arn, None)
        return {}

    def put_targets(self, request: Request, _caller: Caller) -> Response:
        for target in request["Targets"]:
            try:
                check_target(target, needs_role=True)
                check_input(target)
            except ValueError as error:
                raise _invalid(f"target {target['Id']}: {error}") from error
        with self.lock:
            rule = self.buses.get(request.get("EventBusName")).rule(request["Rule"])
            targets = rule.targets | {target["Id"]: target for target in request["Targets"]}
            if len(targets) > _MOST_TARGETS:
                message = "The requested resource exceeds the maximum number allowed."
                raise ServiceError("LimitExceededException", message)
            rule.targets = targets
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            rule = self.buses.get(request.get("EventBusName")).rule(request["Rule"])
            ids = set(request["Ids"])
            unknown = sorted(ids - rule.targets.keys())
            rule.targets = {id: t for id, t in rule.targets.items() if id not in ids}
        failed = [
            {
                "TargetId": target_id,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": f"Rule {rule.name} has no target {target_id}.",
            }
            for target_id in unknown
        ]
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    def list_targets_by_rule(self, request: Request, _caller: Caller) -> Response:
        rule = self.buses.get(request.get("EventBusName")).rule(request["Rule"])
        targets = list(rule.targets.values())
        some, more = page(targets, request.get("Limit"), request.get("NextToken"))
        return {"Targets": some, **more}

    def list_rule_names_by_target(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            rules = list(self.buses.get(request.get("EventBusName")).rules.values())
        wanted = request["TargetArn"]
        names = sorted(
            rule.name for rule in rules if any(t["Arn"] == wanted for t in rule.targets.values())
        )
        some, more = page(names, request.get("Limit"), request.get("NextToken"))
        return {"RuleNames": some, **more}

    def test_event_pattern(self, request: Request, _caller: Caller) -> Response:
        pattern = parse_pattern(request["EventPattern"])
        event = _parsed(request["Event"])
        if not isinstance(event, dict):
            raise _invalid("Parameter Event is not valid.")
        missing = [name for name in _EVENT_FIELDS if name not in event]
        if missing:
            raise _invalid(f"Parameter Event is not valid. Missing: {', '.join(missing)}")
        return {"Result": pattern.matches(event)}

    def _rule(self, bus: Bus, name: str) -> Rule:
        if name not in bus.rules:
            arn = self.buses.rule_arn(bus, name)
            bus.rules[name] = Rule(name, bus.name, arn, self.account.id)
        return bus.rules[name]

    def _recurrence(self, schedule: str, bus: Bus) -> Recurrence:
        if bus.name != DEFAULT_BUS:
            raise _invalid("ScheduleExpression is supported only on the default event bus.")
        try:
            if schedule.startswith("at("):
                raise ValueError("rules take rate() and cron(); at() is EventBridge Scheduler's")
            return parse_expression(schedule, self.account.clock.now())
        except ValueError as error:
            message = f"Parameter ScheduleExpression is not valid. Reason: {error}"
            raise _invalid(message) from error

    def _switch(self, request: Request, state: str) -> Response:
        with self.lock:
            bus = self.buses.get(request.get("EventBusName"))
            rule = bus.rule(request["Name"])
            rule.state = state
            self._reschedule(rule, self._recurrence(rule.schedule, bus) if rule.schedule else None)
        return {}

    def _reschedule(self, rule: Rule, recurrence: Recurrence | None) -> None:
        if recurrence and rule.enabled:
            now = self.account.clock.now()
            self.timetable.every(
                recurrence, now, rule.arn, lambda when: self.send_scheduled(rule, when)
            )
        else:
            self.timetable.cancel(rule.arn)


def parse_pattern(text: str) -> Pattern:
    """A pattern from its JSON text; InvalidEventPatternException where it isn't one."""
    pattern = _parsed(text)
    if not isinstance(pattern, dict):
        message = "Event pattern is not valid. Reason: Filter is not an object"
        raise ServiceError("InvalidEventPatternException", message)
    return Pattern(pattern)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
