"""The form of a template: what CloudFormation finds wrong with it before it creates anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.template.references import calls, referred_names

_SECTIONS = ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs")
# How many arguments a function's list may have. An argument that is no list is left to the
# function, save where CloudFormation takes nothing but a list.
_COUNTS: Mapping[str, tuple[int, int]] = {
    "Fn::And": (2, 10),
    "Fn::Cidr": (2, 3),
    "Fn::Contains": (2, 2),
    "Fn::EachMemberEquals": (2, 2),
    "Fn::EachMemberIn": (2, 2),
    "Fn::Equals": (2, 2),
    "Fn::FindInMap": (3, 4),
    "Fn::GetAtt": (2, 2),
    "Fn::If": (3, 3),
    "Fn::Join": (2, 2),
    "Fn::Not": (1, 1),
    "Fn::Or": (2, 10),
    "Fn::Select": (2, 2),
    "Fn::Split": (2, 2),
    "Fn::Sub": (2, 2),
}
_ALSO_TEXT = ("Fn::GetAtt", "Fn::Sub")


def check_structure(template: Mapping[str, Any], stack_name: str) -> None:
    """ValueError with one line for the first thing that isn't as a template has it."""
    # Each looks at what the one before it found in order.
    for find in (_wrong_sections, _wrong_entries, _wrong_calls, _unknown_names):
        for problem in find(template):
            raise ValueError(
                f"stack {stack_name}: {problem}; correct the CDK app and synthesize again"
            )


def _wrong_sections(template: Mapping[str, Any]) -> Iterator[str]:
    for section in _SECTIONS:
        entries = template.get(section, {})
        if not isinstance(entries, Mapping):
            yield f"{section} is not an object"
            continue
        for name, entry in entries.items():
            if not isinstance(entry, Mapping):
                yield f"{section}.{name} is not an object"


def _wrong_entries(template: Mapping[str, Any]) -> Iterator[str]:
    conditions = template.get("Conditions", {})
    for name, resource in template.get("Resources", {}).items():
        yield from _resource_problems(f"Resources.{name}", resource)
        yield from _condition_problems(f"Resources.{name}", resource, conditions)
    for name, output in template.get("Outputs", {}).items():
        if "Value" not in output:
            yield f"Outputs.{name} has no Value"
        yield from _condition_problems(f"Outputs.{name}", output, conditions)


def _resource_problems(place: str, resource: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(resource.get("Type"), str):
        yield f"{place} has no Type"
    if not isinstance(resource.get("Properties", {}), Mapping):
        yield f"{place}.Properties is not an object"


def _condition_problems(
    place: str, entry: Mapping[str, Any], conditions: Mapping[str, Any]
) -> Iterator[str]:
    if "Condition" in entry and entry["Condition"] not in conditions:
        yield f"{place} has the condition {entry['Condition']}, which the template doesn't have"


def _wrong_calls(template: Mapping[str, Any]) -> Iterator[str]:
    for section in ("Conditions", "Rules", "Resources", "Outputs"):
        for function, argument, place in calls(template.get(section, {}), section):
            if function == "Ref" and not isinstance(argument, str):
                yield f"{place}: Ref takes a name, not {_shown(argument)}"
            if function in _COUNTS and not _is_counted(function, argument):
                least, most = _COUNTS[function]
                count = f"{least}" if least == most else f"{least} to {most}"
                yield f"{place}: {function} takes a list of {count}, not {_shown(argument)}"


def _unknown_names(template: Mapping[str, Any]) -> Iterator[str]:
    known = {*template.get("Parameters", {}), *template.get("Resources", {})}
    for section in ("Resources", "Outputs"):
        for name, entry in template.get(section, {}).items():
            parts = [entry.get("Properties", {}), entry.get("Value", {})]
            for unknown in sorted(referred_names(parts) - known):
                if not unknown.startswith("AWS::"):
                    yield f"{section}.{name} refers to {unknown}, which the template doesn't have"


def _is_counted(function: str, argument: Any) -> bool:
    if isinstance(argument, str):
        return function in _ALSO_TEXT
    least, most = _COUNTS[function]
    return isinstance(argument, list) and least <= len(argument) <= most


def _shown(argument: Any) -> str:
    shown = json.dumps(argument)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
