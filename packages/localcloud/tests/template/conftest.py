"""Assemblies written by hand, and a scope of known names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.template.intrinsics import Intrinsics
from localcloud.template.scope import NO_VALUE

WriteAssembly = Callable[..., Path]


class KnownNames:
    """A scope whose names are given."""

    region = "eu-west-1"

    def __init__(self, **names: Any) -> None:
        self.names = {"AWS::NoValue": NO_VALUE, "AWS::Region": self.region, **names}
        self.mappings: Mapping[str, Any] = {"Sizes": {"small": {"cpu": 1, "zones": ["a", "b"]}}}

    def ref(self, name: str) -> Any:
        return self.names[name]

    def attribute(self, logical_id: str, name: str) -> Any:
        return self.names[f"{logical_id}.{name}"]

    def condition(self, name: str) -> bool:
        return {"Yes": True, "No": False}[name]

    def export(self, name: str) -> Any:
        return f"exported {name}"

    def stack_output(self, stack_name: str, output_name: str) -> Any:
        return f"{stack_name} {output_name}"

    def finish(self, text: str) -> str:
        return text


@pytest.fixture
def intrinsics() -> Intrinsics:
    names = {"Name": "shop", "Number": 7, "List": ["x", "y"], "Table.Arn": "arn:table"}
    return Intrinsics(KnownNames(**names))


@pytest.fixture
def write_assembly(tmp_path: Path) -> WriteAssembly:
    def write(
        templates: Mapping[str, Any], *, under: str = "", **changes: Mapping[str, Any]
    ) -> Path:
        """A `cdk.out` with these templates; `changes` are merged into the stacks' artifacts."""
        folder = tmp_path / "cdk.out" / under
        folder.mkdir(parents=True, exist_ok=True)
        artifacts: dict[str, Any] = {}
        for name, template in templates.items():
            (folder / f"{name}.template.json").write_text(json.dumps(template))
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/unknown-region",
                "properties": {"templateFile": f"{name}.template.json"},
                **changes.get(name, {}),
            }
        manifest = {"version": "55.0.0", "artifacts": artifacts}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return write
