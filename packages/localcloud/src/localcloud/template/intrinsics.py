"""CloudFormation's intrinsic functions, evaluated.

Semantics: AWS CloudFormation template reference, "Intrinsic function reference".
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from localcloud.template.conditions import CONDITION_FUNCTIONS, truth
from localcloud.template.scope import NO_VALUE, Scope

SUBSTITUTION = re.compile(r"\$\{(!?)([^}]*)\}")


class Intrinsics:
    """Evaluates values of one template within a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def resolve(self, value: Any, place: str) -> Any:
        """`value` with every function carried out; `place` names it in errors.

        ValueError, naming place and function, where that isn't possible.
        """
        return self._finished(self.evaluate(value, place))

    def evaluate(self, value: Any, place: str) -> Any:
        """As `resolve`, before dynamic references are looked up."""
        if isinstance(value, list):
            items = [self.evaluate(item, place) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if function := function_name(value):
            return self._call(function, value[function], place)
        members = {key: self.evaluate(item, f"{place}.{key}") for key, item in value.items()}
        return {key: item for key, item in members.items() if item is not NO_VALUE}

    def condition(self, value: Any, place: str) -> bool:
        """A condition's truth: `{"Condition": name}` or one of the condition functions."""
        if isinstance(value, dict) and set(value) == {"Condition"}:
            return bool(self._looked_up(lambda: self.scope.condition(value["Condition"]), place))
        return truth(self.evaluate(value, place), place)

    def _call(self, function: str, argument: Any, place: str) -> Any:
        where = f"{place}: {function}"
        if function in CONDITION_FUNCTIONS:
            return CONDITION_FUNCTIONS[function](self, argument, where)
        if function not in FUNCTIONS:
            raise ValueError(f"{where} is not a function that localcloud knows")
        return self._looked_up(lambda: FUNCTIONS[function](self, argument, where), where)

    @staticmethod
    def _looked_up(look_up: Callable[[], Any], place: str) -> Any:
        try:
            return look_up()
        except LookupError as error:
            raise ValueError(f"{place}: {error.args[0] if error.args else error}") from None

    def _finished(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.scope.finish(value)
        if isinstance(value, list):
            return [self._finished(item) for item in value]
        if isinstance(value, dict):
            return {key: self._finished(item) for key, item in value.items()}
        return value


def function_name(value: Mapping[str, Any]) -> str | None:
    """The function that a template's object is a call of; None where it is plain data."""
    if len(value) != 1:
        return None
    name = next(iter(value))
    return name if name == "Ref" or name.startswith("Fn::") else None


def text(value: Any, place: str) -> str:
    """A scalar as CloudFormation writes it within a string. ValueError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{place}: {json.dumps(value, default=str)} is not a string")


def get_att_parts(argument: Any, place: str) -> tuple[str, Any]:
    """Logical ID and attribute of a Fn::GetAtt in either form."""
    if isinstance(argument, str):
        logical_id, _, attribute = argument.partition(".")
        return logical_id, attribute
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
        return argument[0], argument[1]
    raise ValueError(f"{place} takes [logicalId, attribute], not {json.dumps(argument)}")


def _ref(at: Intrinsics, argument: Any, place: str) -> Any:
    return at.scope.ref(argument)


def _get_att(at: Intrinsics, argument: Any, place: str) -> Any:
    logical_id, attribute = get_att_parts(argument, place)
    return at.scope.attribute(logical_id, text(at.evaluate(attribute, place), place))


def _join(at: Intrinsics, argument: Any, place: str) -> str:
    delimiter, values = _pair(argument, place)
    items = _list(at.evaluate(values, place), place)
    return str(delimiter).join(text(item, place) for item in items)


def _split(at: Intrinsics, argument: Any, place: str) -> list[str]:
    delimiter, source = _pair(argument, place)
    return text(at.evaluate(source, place), place).split(delimiter)


def _select(at: Intrinsics, argument: Any, place: str) -> Any:
    index, values = _pair(argument, place)
    items = _list(at.evaluate(values, place), place)
    number = _number(at.evaluate(index, place), place)
    if not 0 <= number < len(items):
        raise ValueError(f"{place}: there is no item {number} among {len(items)}")
    return items[number]


def _sub(at: Intrinsics, argument: Any, place: str) -> str:
    template, variables = argument if isinstance(argument, list) else (argument, {})
    values = at.evaluate(variables, place)

    def replacement(match: re.Match[str]) -> str:
        literal, name = match.group(1), match.group(2).strip()
        if literal:
            return "${" + name + "}"
        if name in values:
            return text(values[name], place)
        if "." in name:
            return text(at.scope.attribute(*name.split(".", 1)), f"{place} ${{{name}}}")
        return text(at.scope.ref(name), f"{place} ${{{name}}}")

    return SUBSTITUTION.sub(replacement, template)


def _find_in_map(at: Intrinsics, argument: Any, place: str) -> Any:
    names = [text(at.evaluate(name, place), place) for name in argument[:3]]
    found: Any = at.scope.mappings
    for name in names:
        if not isinstance(found, Mapping) or name not in found:
            if len(argument) > 3 and "DefaultValue" in argument[3]:
                return at.evaluate(argument[3]["DefaultValue"], place)
            raise ValueError(f"{place}: Mappings has no {' / '.join(names)}")
        found = found[name]
    return found


def _import_value(at: Intrinsics, argument: Any, place: str) -> Any:
    return at.scope.export(text(at.evaluate(argument, place), place))


def _get_stack_output(at: Intrinsics, argument: Any, place: str) -> Any:
    names = at.evaluate({key: argument.get(key, "") for key in ("StackName", "OutputName")}, place)
    return at.scope.stack_output(names["StackName"], names["OutputName"])


def _get_azs(at: Intrinsics, argument: Any, place: str) -> list[str]:
    region = text(at.evaluate(argument, place), place) or at.scope.region
    return [f"{region}{letter}" for letter in "abc"]


def _base64(at: Intrinsics, argument: Any, place: str) -> str:
    return base64.b64encode(text(at.evaluate(argument, place), place).encode()).decode()


def _cidr(at: Intrinsics, argument: Any, place: str) -> list[str]:
    block, count, *bits = [text(at.evaluate(part, place), place) for part in argument]
    try:
        network = ipaddress.ip_network(block)
        prefix = network.max_prefixlen - _number(bits[0] if bits else 8, place)
        subnets = list(islice(network.subnets(new_prefix=prefix), _number(count, place)))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    if len(subnets) < int(count):
        raise ValueError(f"{place}: {block} has {len(subnets)} blocks of /{prefix}, not {count}")
    return [str(subnet) for subnet in subnets]


def _length(at: Intrinsics, argument: Any, place: str) -> int:
    return len(_list(at.evaluate(argument, place), place))


def _to_json_string(at: Intrinsics, argument: Any, place: str) -> str:
    return json.dumps(at.evaluate(argument, place), separators=(",", ":"), ensure_ascii=False)


def _transform(at: Intrinsics, argument: Any, place: str) -> Any:
    name = argument.get("Name") if isinstance(argument, dict) else argument
    raise ValueError(f"{place} {name}: macros run in AWS only; have the CDK app write their result")


def _number(value: Any, place: str) -> int:
    written = text(value, place)
    if not written.isdecimal():
        raise ValueError(f"{place}: {written!r} is not a number")
    return int(written)


def _pair(argument: Any, place: str) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise ValueError(f"{place} takes two arguments, not {json.dumps(argument)}")
    return argument[0], argument[1]


def _list(value: Any, place: str) -> list[Any]:
    # A CommaDelimitedList or an array attribute arrives as a list; nothing else counts as one.
    if not isinstance(value, list):
        raise ValueError(f"{place}: {json.dumps(value, default=str)} is not a list")
    return value


FUNCTIONS: Mapping[str, Callable[[Intrinsics, Any, str], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::Sub": _sub,
    "Fn::FindInMap": _find_in_map,
    "Fn::ImportValue": _import_value,
    "Fn::GetStackOutput": _get_stack_output,
    "Fn::GetAZs": _get_azs,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
    "Fn::Transform": _transform,
}
