"""A template's Parameters and Rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.template.intrinsics import Intrinsics

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>$")


def parameter_values(
    template: Mapping[str, Any],
    given: Mapping[str, Any],
    ssm_parameter: Callable[[str], str],
) -> dict[str, Any]:
    """The value of every parameter: given, or its default, checked and in its type.

    Raises ValueError naming the parameter where a value is missing or not allowed.
    """
    declared = template.get("Parameters", {})
    for name in given:
        if name not in declared:
            raise ValueError(f"parameter {name} is given but not declared by the template")
    return {
        name: _value(name, declaration, given, ssm_parameter)
        for name, declaration in declared.items()
    }


def ssm_names(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """The SSM parameter that each of those parameters names whose value SSM knows."""
    return {
        name: str(given.get(name, declaration.get("Default")))
        for name, declaration in template.get("Parameters", {}).items()
        if _SSM_VALUE.match(declaration["Type"])
    }


def check_given(template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """ValueError naming the first parameter that has neither a value nor a default."""
    for name, declaration in template.get("Parameters", {}).items():
        if name not in given and "Default" not in declaration:
            raise _missing(name)


def _missing(name: str) -> ValueError:
    return ValueError(
        f"parameter {name} has neither a value nor a default: give it one with "
        f"--parameters {name}=VALUE, or CfnParameter a default"
    )


def _value(
    name: str,
    declaration: Mapping[str, Any],
    given: Mapping[str, Any],
    ssm_parameter: Callable[[str], str],
) -> Any:
    value = given.get(name, declaration.get("Default"))
    if value is None:
        raise _missing(name)
    kind = declaration["Type"]
    if match := _SSM_VALUE.match(kind):
        return _typed(ssm_parameter(str(value)), match.group(1))
    typed = _typed(value, kind)
    _check(name, declaration, typed)
    return typed


def _typed(value: Any, kind: str) -> Any:
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        items = value if isinstance(value, list) else str(value).split(",")
        return [str(item).strip() for item in items]
    # Numbers stay strings, as CloudFormation hands them on.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(name: str, declaration: Mapping[str, Any], value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        allowed = [str(option) for option in declaration.get("AllowedValues", [item])]
        if item not in allowed:
            raise ValueError(f"parameter {name} is {item!r}, not one of {', '.join(allowed)}")
        pattern = declaration.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, item):
            hint = declaration.get("ConstraintDescription", f"it must match {pattern}")
            raise ValueError(f"parameter {name} is {item!r}: {hint}")
        _check_range(name, declaration, item)


def _check_range(name: str, declaration: Mapping[str, Any], item: str) -> None:
    if declaration["Type"] in ("Number", "List<Number>"):
        low, high, measure = "MinValue", "MaxValue", float(item)
    else:
        low, high, measure = "MinLength", "MaxLength", float(len(item))
    if low in declaration and measure < float(declaration[low]):
        raise ValueError(f"parameter {name} is {item!r}: {low} is {declaration[low]}")
    if high in declaration and measure > float(declaration[high]):
        raise ValueError(f"parameter {name} is {item!r}: {high} is {declaration[high]}")


def check_rules(template: Mapping[str, Any], intrinsics: Intrinsics) -> None:
    """Evaluate the template's Rules. ValueError with the first assertion that fails."""
    for name, rule in template.get("Rules", {}).items():
        place = f"Rules.{name}"
        if "RuleCondition" in rule and not intrinsics.condition(rule["RuleCondition"], place):
            continue
        for assertion in rule["Assertions"]:
            if not intrinsics.condition(assertion["Assert"], place):
                raise ValueError(f"{place}: {assertion.get('AssertDescription', 'does not hold')}")
