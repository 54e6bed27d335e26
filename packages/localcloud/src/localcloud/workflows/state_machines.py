"""State machines as the service keeps them: created, updated, tagged."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from localcloud.calls import Request, ServiceError
from localcloud.workflows import definition as definitions
from localcloud.workflows.errors import InvalidDefinitionError
from localcloud.workflows.fields import JSONPATH


@dataclass(frozen=True)
class StateMachine:
    """One revision of a state machine. `definition` is the text, `machine` what it says."""

    arn: str
    name: str
    kind: str
    definition: str
    machine: dict[str, Any]
    role_arn: str
    created_at: datetime
    settings: dict[str, Any]
    revision_id: str
    tags: dict[str, str] = field(default_factory=dict)
    # Of a machine that is the processor of a distributed Map.
    label: str | None = None
    # Of a version, and of one that was started by an alias.
    version_arn: str | None = None
    version_description: str = ""
    alias_arn: str | None = None

    @property
    def arns(self) -> set[str | None]:
        """Every ARN that an execution of this revision is listed under."""
        return {self.arn, self.version_arn, self.alias_arn}

    @property
    def is_express(self) -> bool:
        return self.kind == "EXPRESS"

    @property
    def language(self) -> str:
        return str(self.machine.get("QueryLanguage", JSONPATH))

    @property
    def description(self) -> dict[str, Any]:
        """The members of DescribeStateMachine's answer."""
        return {
            "stateMachineArn": self.version_arn or self.arn,
            "name": self.name,
            "status": "ACTIVE",
            "definition": self.definition,
            "roleArn": self.role_arn,
            "type": self.kind,
            "creationDate": self.created_at,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
            **self.settings,
            "revisionId": self.revision_id,
            **({"label": self.label} if self.label else {}),
            **({"description": self.version_description} if self.version_description else {}),
        }


_SETTINGS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


def _parse(text: str, kind: str) -> dict[str, Any]:
    try:
        return definitions.parse(text, express=kind == "EXPRESS")
    except InvalidDefinitionError as error:
        raise ServiceError("InvalidDefinition", str(error)) from error


def _tags(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair.get("value", "") for pair in pairs}


class StateMachines:
    """All state machines of the account, by ARN."""

    def __init__(self) -> None:
        self._machines: dict[str, StateMachine] = {}

    def create(self, request: Request, arn: str, now: datetime) -> StateMachine:
        """Create; the same request again gives the same machine, another one is refused."""
        kind = request.get("type", "STANDARD")
        machine = StateMachine(
            arn,
            request["name"],
            kind,
            request["definition"],
            _parse(request["definition"], kind),
            request["roleArn"],
            now,
            {name: request[name] for name in _SETTINGS if name in request},
            str(uuid.uuid4()),
            _tags(request.get("tags", [])),
        )
        existing = self._machines.setdefault(arn, machine)
        # As on AWS, another role and other tags are no difference, and are not taken over.
        if (existing.definition, existing.kind, existing.settings) != (
            machine.definition,
            machine.kind,
            machine.settings,
        ):
            raise ServiceError(
                "StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'"
            )
        return existing

    def update(self, request: Request) -> StateMachine:
        """Running executions go on with what they were started with."""
        machine = self.get(request["stateMachineArn"])
        settings = {name: request[name] for name in _SETTINGS if name in request}
        text = request.get("definition", machine.definition)
        if not settings and not request.keys() & {"definition", "roleArn"}:
            raise ServiceError("MissingRequiredParameter", "Nothing to update was given")
        updated = replace(
            machine,
            definition=text,
            machine=_parse(text, machine.kind),
            role_arn=request.get("roleArn", machine.role_arn),
            settings={**machine.settings, **settings},
            revision_id=str(uuid.uuid4()),
        )
        self._machines[machine.arn] = updated
        return updated

    def get(self, arn: str) -> StateMachine:
        if arn in self._machines:
            return self._machines[arn]
        if not arn.startswith("arn:"):
            raise ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
        raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")

    def delete(self, arn: str) -> None:
        self._machines.pop(arn, None)

    def all(self) -> list[StateMachine]:
        return sorted(self._machines.values(), key=lambda machine: machine.created_at)

    def tag(self, arn: str, pairs: list[dict[str, str]]) -> None:
        self._tagged(arn).tags.update(_tags(pairs))

    def untag(self, arn: str, keys: list[str]) -> None:
        for key in keys:
            self._tagged(arn).tags.pop(key, None)

    def tags(self, arn: str) -> list[dict[str, str]]:
        tags = self._tagged(arn).tags
        return [{"key": key, "value": value} for key, value in sorted(tags.items())]

    def _tagged(self, arn: str) -> StateMachine:
        if arn not in self._machines:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return self._machines[arn]
