"""A stack: its resources, parameters and outputs as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class StackResource:
    """A resource of a template, and what has become of it."""

    logical_id: str
    definition: Mapping[str, Any]
    status: str = "CREATE_IN_PROGRESS"
    physical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    handling: str = "run"
    reason: str = ""
    not_simulated: list[str] = field(default_factory=list)
    started_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def resource_type(self) -> str:
        return str(self.definition["Type"])

    @property
    def construct_path(self) -> str:
        """The CDK construct's path; the logical ID where the template has none."""
        return str(self.definition.get("Metadata", {}).get("aws:cdk:path", self.logical_id))


@dataclass(frozen=True)
class Output:
    """A stack's output."""

    key: str
    value: str
    description: str | None = None
    export_name: str | None = None


@dataclass
class Stack:
    """A stack that is being brought up, or is up."""

    name: str
    stack_id: str
    template: Mapping[str, Any]
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    parent_id: str | None = None
    status: str = "CREATE_IN_PROGRESS"
    parameters: dict[str, Any] = field(default_factory=dict)
    # What a parameter of SSM's is named by; its value is among the parameters.
    ssm_names: dict[str, str] = field(default_factory=dict)
    resources: dict[str, StackResource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
