"""What a template's values refer to, read without evaluating them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.template.conditions import CONDITION_FUNCTIONS
from localcloud.template.intrinsics import (
    FUNCTIONS,
    SUBSTITUTION,
    function_name,
    get_att_parts,
)


def calls(value: Any, place: str) -> Iterator[tuple[str, Any, str]]:
    """Every function call within a value: its name, argument and place."""
    if isinstance(value, list):
        for item in value:
            yield from calls(item, place)
    elif isinstance(value, dict):
        if function := function_name(value):
            yield function, value[function], place
        for key, item in value.items():
            yield from calls(item, f"{place}.{key}")


def referred_names(value: Any) -> set[str]:
    """The logical IDs, parameters and pseudo parameters that a value refers to."""
    names: set[str] = set()
    for function, argument, place in calls(value, ""):
        if function == "Ref":
            names.add(argument)
        elif function == "Fn::GetAtt":
            names.add(get_att_parts(argument, place)[0])
        elif function == "Fn::Sub":
            names |= _substituted(argument)
    return names


def _substituted(argument: Any) -> set[str]:
    template, variables = argument if isinstance(argument, list) else (argument, {})
    found = {name.strip() for literal, name in SUBSTITUTION.findall(template) if not literal}
    return {name.partition(".")[0] for name in found if name not in variables}


def check_functions(template: Mapping[str, Any], stack_name: str) -> None:
    """ValueError naming the first function of a template that localcloud doesn't know."""
    known = FUNCTIONS.keys() | CONDITION_FUNCTIONS.keys()
    for section in ("Conditions", "Rules", "Resources", "Outputs"):
        for function, argument, place in calls(template.get(section, {}), section):
            if function == "Fn::Transform" or function not in known:
                raise ValueError(
                    f"stack {stack_name}, {place}: {function} {argument!r:.60} is not a function "
                    "that localcloud evaluates; have the CDK app write its result"
                )
