"""What is checked of a whole assembly before anything of it is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.resources.table import Handling, handling_of
from localcloud.template.assembly import Assembly, StackArtifact
from localcloud.template.ordering import creation_order
from localcloud.template.parameters import check_given
from localcloud.template.references import check_functions
from localcloud.template.structure import check_structure

# Its functions (Fn::Length, Fn::ToJsonString, Fn::FindInMap's default) are evaluated here.
_KNOWN_TRANSFORMS = {"AWS::LanguageExtensions"}


def check_assembly(assembly: Assembly) -> None:
    """ValueError with one line for the first thing that localcloud can't bring up."""
    for stack_name, template in _templates(assembly):
        check_structure(template, stack_name)
        _check_transforms(stack_name, template)
        _check_types(stack_name, template)
        check_functions(template, stack_name)
        creation_order(template.get("Resources", {}), stack_name)
    for stack in assembly.stacks:
        _check_parameters(stack)


def _check_parameters(stack: StackArtifact) -> None:
    try:
        check_given(stack.template, stack.parameters)
    except ValueError as error:
        raise ValueError(f"stack {stack.stack_name}: {error}") from error


def _templates(assembly: Assembly) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for stack in assembly.stacks:
        yield stack.stack_name, stack.template
        yield from _nested(assembly, stack.stack_name, stack.template)


def _nested(
    assembly: Assembly, parent: str, template: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for logical_id, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::CloudFormation::Stack":
            name, nested = f"{parent}/{logical_id}", assembly.nested_template(resource)
            yield name, nested
            yield from _nested(assembly, name, nested)


def _check_transforms(stack_name: str, template: Mapping[str, Any]) -> None:
    transforms = template.get("Transform", [])
    for name in transforms if isinstance(transforms, list) else [transforms]:
        if name not in _KNOWN_TRANSFORMS:
            raise ValueError(
                f"stack {stack_name}: the transform {name} runs in AWS only; "
                "have the CDK app write its result"
            )


def _check_types(stack_name: str, template: Mapping[str, Any]) -> None:
    for logical_id, resource in template.get("Resources", {}).items():
        resource_type = resource["Type"]
        where = f"stack {stack_name}, resource {logical_id}"
        entry = handling_of(resource_type)
        if entry is None:
            raise ValueError(
                f"{where}: {resource_type} is not in localcloud's table of resource types; remove "
                "it from the assembly that runs here, or add it to localcloud/resources/table.py"
            )
        if entry.handling is Handling.REFUSED:
            raise ValueError(f"{where}: {resource_type} is refused: {entry.reason}")
