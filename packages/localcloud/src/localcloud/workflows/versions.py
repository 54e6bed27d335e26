"""Versions of state machines, which never change, and aliases, which share starts among them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.clock import Clock
from localcloud.workflows.state_machines import StateMachine

Route = dict[str, Any]
_ALIAS_NAME = re.compile(r"(?=.*[A-Za-z_.-])[\w.-]{1,80}", re.ASCII)


@dataclass
class Alias:
    """A name for one version or two; `routes` has the weight of each."""

    arn: str
    name: str
    description: str
    routes: list[Route]
    created_at: datetime
    updated_at: datetime

    def refers_to(self, version_arn: str) -> bool:
        return any(route["stateMachineVersionArn"] == version_arn for route in self.routes)

    @property
    def machine_arn(self) -> str:
        return self.arn.rpartition(":")[0]

    @property
    def summary(self) -> dict[str, Any]:
        return {"stateMachineAliasArn": self.arn, "creationDate": self.created_at}

    @property
    def description_members(self) -> dict[str, Any]:
        """What DescribeStateMachineAlias says of it."""
        return {
            **self.summary,
            "name": self.name,
            "description": self.description,
            "routingConfiguration": self.routes,
            "updateDate": self.updated_at,
        }


class Versions:
    """The versions and aliases of every state machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._versions: dict[str, StateMachine] = {}
        self._aliases: dict[str, Alias] = {}
        self._published: dict[str, int] = {}

    def publish(self, machine: StateMachine, description: str) -> StateMachine:
        """The revision as a version: a new one, unless the latest is of this revision."""
        latest = next(iter(self.of_machine(machine.arn)), None)
        if latest is not None and latest.revision_id == machine.revision_id:
            return latest
        number = self._published.get(machine.arn, 0) + 1
        self._published[machine.arn] = number
        version = replace(
            machine,
            created_at=self._clock.now(),
            version_arn=f"{machine.arn}:{number}",
            version_description=description,
        )
        self._versions[f"{machine.arn}:{number}"] = version
        return version

    def get(self, arn: str) -> StateMachine | None:
        return self._versions.get(arn)

    def of_machine(self, arn: str) -> list[StateMachine]:
        """The newest first."""
        return [version for version in self._versions.values() if version.arn == arn][::-1]

    def delete(self, arn: str) -> None:
        if any(alias.refers_to(arn) for alias in self._aliases.values()):
            raise ServiceError("ConflictException", f"An alias refers to the version: '{arn}'")
        self._versions.pop(arn, None)

    def forget_machine(self, arn: str) -> None:
        """A deleted machine's versions and aliases go with it."""
        self._versions = {key: value for key, value in self._versions.items() if value.arn != arn}
        self._aliases = {
            key: alias for key, alias in self._aliases.items() if alias.machine_arn != arn
        }

    def create_alias(self, name: str, description: str, routes: list[Route]) -> Alias:
        if not _ALIAS_NAME.fullmatch(name):
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        arn, now = f"{self._machine_of(routes)}:{name}", self._clock.now()
        alias = Alias(arn, name, description, routes, now, now)
        existing = self._aliases.setdefault(arn, alias)
        if (existing.description, existing.routes) != (description, routes):
            raise ServiceError("ConflictException", f"The alias exists with other values: '{arn}'")
        return existing

    def update_alias(self, arn: str, description: str | None, routes: list[Route] | None) -> Alias:
        alias = self.alias(arn)
        if description is None and routes is None:
            raise ServiceError("ValidationException", "Nothing to update was given")
        if routes is not None:
            if self._machine_of(routes) != alias.machine_arn:
                raise ServiceError("ValidationException", "The versions are another machine's")
            alias.routes = routes
        alias.description = alias.description if description is None else description
        alias.updated_at = self._clock.now()
        return alias

    def _machine_of(self, routes: list[Route]) -> str:
        """The one machine whose versions the routes name; their weights are 100 together."""
        arns = [route["stateMachineVersionArn"] for route in routes]
        if not 1 <= len(set(arns)) == len(arns) <= 2:
            raise ServiceError("ValidationException", "routingConfiguration: one version or two")
        if sum(route["weight"] for route in routes) != 100:
            raise ServiceError("ValidationException", "routingConfiguration: weights sum to 100")
        for arn in arns:
            if arn not in self._versions:
                raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        machines = {self._versions[arn].arn for arn in arns}
        if len(machines) > 1:
            raise ServiceError("ValidationException", "The versions are of different machines")
        return machines.pop()

    def alias(self, arn: str) -> Alias:
        if arn not in self._aliases:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return self._aliases[arn]

    def delete_alias(self, arn: str) -> None:
        self._aliases.pop(self.alias(arn).arn)

    def aliases(self, arn: str) -> list[Alias]:
        """The aliases of a machine, or those that refer to a version."""
        return [
            alias
            for alias in self._aliases.values()
            if alias.machine_arn == arn or alias.refers_to(arn)
        ]

    def route(self, arn: str) -> StateMachine | None:
        """The version that a start by an alias runs, drawn by weight; None for no alias."""
        alias = self._aliases.get(arn)
        if alias is None:
            return None
        weights = [route["weight"] for route in alias.routes]
        (chosen,) = random.choices(alias.routes, weights)
        return replace(self._versions[chosen["stateMachineVersionArn"]], alias_arn=arn)
