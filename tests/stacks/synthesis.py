"""One environment, synthesized in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.check import Assembly

from stacks.environment import Environment

if TYPE_CHECKING:
    # Its process starts with the import: in those tests only that synthesize.
    import aws_cdk as cdk

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT_FILES = sorted((REPOSITORY / "environments").glob("*.yaml"))


@dataclass(frozen=True)
class Resource:
    """One resource of a template, as CDK wrote it; `path` is its construct's."""

    stack: str
    logical_id: str
    path: str
    definition: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.definition["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self.definition.get("Properties", {})
        return properties


@dataclass(frozen=True)
class Synthesis:
    """An environment's app and the assembly that was made of it."""

    environment: Environment
    app: cdk.App
    folder: Path
    assembly: Assembly

    @property
    def name(self) -> str:
        return self.environment.name

    def resources(self, *types: str) -> Iterator[Resource]:
        """The resources of all stacks, of these types where any are named."""
        for stack in self.assembly.stacks:
            paths = self._paths(stack.artifact_id)
            for logical_id, definition in stack.template["Resources"].items():
                if not types or definition["Type"] in types:
                    yield Resource(stack.stack_name, logical_id, paths[logical_id], definition)

    def _paths(self, artifact_id: str) -> dict[str, str]:
        """Construct paths within a stack, without its own name, by logical ID."""
        metadata = json.loads((self.folder / f"{artifact_id}.metadata.json").read_text())
        return {
            entry["data"]: path.removeprefix(f"/{artifact_id}/")
            for path, entries in metadata.items()
            for entry in entries
            if entry["type"] == "aws:cdk:logicalId"
        }

    def statements(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Every policy statement of every template, of identities and of resources."""
        for resource in self.resources():
            for statement in _statements(resource.properties):
                yield resource, statement


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _statements(item)
    elif isinstance(value, dict):
        if "Effect" in value and ("Action" in value or "NotAction" in value):
            yield value
        for item in value.values():
            yield from _statements(item)
