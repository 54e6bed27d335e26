"""Event buses and their rules, as the cloud keeps them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.events.patterns import Pattern

DEFAULT_BUS = "default"


@dataclass
class Rule:
    """A rule with its targets by their ids. A rule without a pattern matches nothing."""

    name: str
    bus_name: str
    arn: str
    created_by: str
    pattern_text: str | None = None
    pattern: Pattern | None = None
    schedule: str | None = None
    state: str = "ENABLED"
    description: str | None = None
    role_arn: str | None = None
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"

    def matches(self, event: dict[str, Any]) -> bool:
        return self.enabled and self.pattern is not None and self.pattern.matches(event)

    def described(self) -> dict[str, Any]:
        """As `Rule` of ListRules."""
        members = {
            "Name": self.name,
            "Arn": self.arn,
            "EventPattern": self.pattern_text,
            "ScheduleExpression": self.schedule,
            "State": self.state,
            "Description": self.description,
            "RoleArn": self.role_arn,
            "EventBusName": self.bus_name,
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass
class Bus:
    """An event bus: its rules by name, and the statements of its resource policy."""

    name: str
    arn: str
    created: datetime
    description: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    statements: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)

    def policy(self) -> dict[str, Any] | None:
        if not self.statements:
            return None
        return {"Version": "2012-10-17", "Statement": self.statements}

    def described(self) -> dict[str, Any]:
        """As `EventBus` of ListEventBuses."""
        policy = self.policy()
        members = {
            "Name": self.name,
            "Arn": self.arn,
            "Description": self.description,
            "Policy": json.dumps(policy) if policy else None,
            "CreationTime": self.created,
            "LastModifiedTime": self.created,
        }
        return {name: value for name, value in members.items() if value is not None}

    def rule(self, name: str) -> Rule:
        if name not in self.rules:
            message = f"Rule {name} does not exist on EventBus {self.name}."
            raise ServiceError("ResourceNotFoundException", message)
        return self.rules[name]


class Buses:
    """The account's buses. Not locked: its owner is."""

    def __init__(self, region: str, account: str, now: datetime) -> None:
        self._prefix = f"arn:aws:events:{region}:{account}"
        self._buses: dict[str, Bus] = {}
        self.create(DEFAULT_BUS, now)

    def create(self, name: str, now: datetime) -> Bus:
        if name in self._buses:
            message = f"Event bus {name} already exists."
            raise ServiceError("ResourceAlreadyExistsException", message)
        bus = Bus(name, f"{self._prefix}:event-bus/{name}", now)
        self._buses[name] = bus
        return bus

    def delete(self, name_or_arn: str) -> None:
        """Delete a bus; one that isn't there is as good as deleted."""
        name = bus_name(name_or_arn)
        if name == DEFAULT_BUS:
            raise ServiceError("ValidationException", "Cannot delete event bus default.")
        if name in self._buses and self._buses[name].rules:
            raise ServiceError("ValidationException", f"Event bus {name} still has rules.")
        self._buses.pop(name, None)

    def find(self, name_or_arn: str | None) -> Bus | None:
        return self._buses.get(bus_name(name_or_arn))

    def get(self, name_or_arn: str | None) -> Bus:
        """The bus of a name or ARN; the default bus where neither is given."""
        bus = self.find(name_or_arn)
        if bus is None:
            message = f"Event bus {bus_name(name_or_arn)} does not exist."
            raise ServiceError("ResourceNotFoundException", message)
        return bus

    def all(self) -> list[Bus]:
        return list(self._buses.values())

    def rule_arn(self, bus: Bus, name: str) -> str:
        path = name if bus.name == DEFAULT_BUS else f"{bus.name}/{name}"
        return f"{self._prefix}:rule/{path}"


def bus_name(name_or_arn: str | None) -> str:
    if not name_or_arn:
        return DEFAULT_BUS
    return name_or_arn.partition(":event-bus/")[2] or name_or_arn
