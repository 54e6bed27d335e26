"""A state machine's definition: parsed, and refused where it isn't one that runs as on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.workflows import fields, json_values
from localcloud.workflows.errors import InvalidDefinitionError, Problem
from localcloud.workflows.problems import Problems
from localcloud.workflows.state_checks import StateChecks

MAX_BYTES = 1024 * 1024
MAX_NAME = 80


def parse(text: str, *, express: bool = False) -> dict[str, Any]:
    """The definition; InvalidDefinitionError lists everything that is wrong with it."""
    problems = find_problems(text, express=express)
    if problems:
        raise InvalidDefinitionError(problems)
    definition: dict[str, Any] = json_values.from_text(text)
    return definition


def find_problems(text: str, *, express: bool = False) -> list[Problem]:
    """Everything that is wrong with a definition, each with its place in it."""
    to = Problems()
    if json_values.num_bytes(text) > MAX_BYTES:
        to.add("/", f"The definition is larger than {MAX_BYTES} bytes")
        return to.found
    try:
        definition = json_values.from_text(text) if text.strip() else None
    except ValueError as error:
        to.add("/", str(error), "INVALID_JSON_DESCRIPTION")
        return to.found
    if isinstance(definition, dict):
        _check_top(definition, express, to)
    else:
        to.add("", "Definition must be a valid JSON object")
    return to.found


def _check_top(definition: dict[str, Any], express: bool, to: Problems) -> None:
    to.unknown_fields(definition, fields.MACHINE, "/")
    to.one_of(definition.get("Version", "1.0"), ("1.0",), "/Version")
    language = definition.get("QueryLanguage", fields.JSONPATH)
    if not to.one_of(language, fields.STATES, "/QueryLanguage"):
        return
    timeout = definition.get("TimeoutSeconds", 1)
    to.integer(timeout, 0, fields.MAX_SECONDS, "/TimeoutSeconds")
    try:
        _Machines(language, express, to).check(definition, "", frozenset())
    except RecursionError:
        to.add("/", "The definition is nested too deeply", "TOO_DEEPLY_NESTED")
    if not to.found and not any(map(_is_terminal, definition["States"].values())):
        to.add("/States", "Workflow has no terminal state", "MISSING_END_STATE")


def _is_terminal(state: dict[str, Any]) -> bool:
    return "End" in state or state["Type"] in {"Succeed", "Fail"}


class _Machines:
    """Checks the machine and, through its Parallel and Map states, those inside it."""

    def __init__(self, language: str, express: bool, to: Problems) -> None:
        self.to, self.names, self.labels = to, set[str](), set[str]()
        self.states = StateChecks(language, express, to, self.check)

    def check(self, machine: Mapping[str, Any], location: str, outer: frozenset[str]) -> None:
        """`outer` are the variables of the scopes around this machine."""
        self.to.required(machine, ("States", "StartAt"), location or "/")
        if "States" not in machine:
            return
        states = self.to.object(machine["States"], f"{location}/States")
        if states == machine["States"] == {}:
            self.to.add(f"{location}/States", "Value cannot be empty")
        for name in states:
            self._check_name(name, states[name], f"{location}/States/{name}")
        own = frozenset(_assigned(list(states.values())))
        for name in sorted(own & outer):
            self.to.add(location or "/", f"Variable '{name}' is already assigned in an outer scope")
        for name, state in states.items():
            place = f"{location}/States/{name}"
            self.states.check(self.to.object(state, place), place, outer | own)
        if "StartAt" in machine and states:
            self._check_targets(machine["StartAt"], states, location)

    def _check_name(self, name: str, state: Any, location: str) -> None:
        if not name:
            self.to.add(location, "A state needs a name", "INVALID_STATE_NAME")
        if len(name) > MAX_NAME:
            limit = f"exceeds the {MAX_NAME}-character limit allowed by the service"
            self.to.add(location, f"State name '{name}' {limit}", "INVALID_STATE_NAME")
        if name in self.names:
            self.to.add(location, f"Duplicate State name: {name}", "DUPLICATE_STATE_NAME")
        self.names.add(name)
        label = state.get("Label") if isinstance(state, dict) else None
        if not isinstance(label, str):
            return
        if label in self.labels:
            self.to.add(location, f"Duplicate Label name: {label}", "DUPLICATE_LABEL_NAME")
        self.labels.add(label)

    def _check_targets(self, start: Any, states: dict[str, Any], location: str) -> None:
        if not self.to.string(start, f"{location}/StartAt"):
            return
        if start not in states:
            self._missing(start, f"{location}/StartAt")
            return
        reached, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name in reached:
                continue
            reached.add(name)
            for place, target in targets(states[name]):
                if isinstance(target, str) and target in states:
                    waiting.append(target)
                else:
                    self._missing(target, f"{location}/States/{name}/{place}")
        for name in states.keys() - reached:
            self.to.add(
                f"{location}/States/{name}",
                f'State "{name}" is not reachable.',
                "MISSING_TRANSITION_TARGET",
            )

    def _missing(self, target: Any, location: str) -> None:
        if self.to.string(target, location):
            message = f"Missing 'Next' target: {target}"
            self.to.add(location, message, "MISSING_TRANSITION_TARGET")


def targets(state: Any) -> list[tuple[str, Any]]:
    """Where a state can go: the field that says so, and the name in it."""
    if not isinstance(state, dict):
        return []
    targets = [(field, state[field]) for field in ("Next", "Default") if field in state]
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if isinstance(rule, dict) and "Next" in rule:
                targets.append((f"{field}[{index}]/Next", rule["Next"]))
    return targets


def _assigned(nodes: list[Any]) -> set[str]:
    """The variables that states, their choice rules and their catchers assign."""
    names = set[str]()
    for node in nodes:
        if not isinstance(node, dict):
            continue
        assign = node.get("Assign")
        names |= {key.removesuffix(".$") for key in assign} if isinstance(assign, dict) else set()
        for field in ("Choices", "Catch"):
            rules = node.get(field)
            names |= _assigned(rules) if isinstance(rules, list) else set()
    return names
