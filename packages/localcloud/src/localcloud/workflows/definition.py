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
        definition = json_values.from_text(text)
    except ValueError as error:
        to.add("/", str(error), "INVALID_JSON_DESCRIPTION")
        return to.found
    _check_top(to.object(definition, "/"), express, to)
    return to.found


def _check_top(definition: dict[str, Any], express: bool, to: Problems) -> None:
    to.unknown_fields(definition, fields.MACHINE, "/")
    if definition.get("Version", "1.0") != "1.0":
        to.add("/Version", "The only version is '1.0'")
    language = definition.get("QueryLanguage", fields.JSONPATH)
    if not to.one_of(language, fields.STATES, "/QueryLanguage"):
        return
    timeout = definition.get("TimeoutSeconds", 1)
    to.integer(timeout, 1, fields.MAX_SECONDS, "/TimeoutSeconds")
    try:
        _Machines(language, express, to).check(definition, "", frozenset())
    except RecursionError:
        to.add("/", "The definition is nested too deeply")


class _Machines:
    """Checks the machine and, through its Parallel and Map states, those inside it."""

    def __init__(self, language: str, express: bool, to: Problems) -> None:
        self.to, self.names = to, set[str]()
        self.states = StateChecks(language, express, to, self.check)

    def check(self, machine: Mapping[str, Any], location: str, outer: frozenset[str]) -> None:
        """`outer` are the variables of the scopes around this machine."""
        states = self.to.object(machine.get("States"), f"{location}/States")
        if not states:
            self.to.add(f"{location}/States", "A state machine needs at least one state")
            return
        for name in states:
            self._check_name(name, f"{location}/States/{name}")
        own = frozenset(_assigned(list(states.values())))
        for name in sorted(own & outer):
            self.to.add(location or "/", f"Variable '{name}' is already assigned in an outer scope")
        for name, state in states.items():
            place = f"{location}/States/{name}"
            self.states.check(self.to.object(state, place), place, outer | own)
        self._check_targets(machine.get("StartAt"), states, location)

    def _check_name(self, name: str, location: str) -> None:
        if not 1 <= len(name) <= MAX_NAME:
            self.to.add(location, f"A state's name has 1 to {MAX_NAME} characters")
        if name in self.names:
            self.to.add(location, f"Duplicate state name '{name}'", "DUPLICATE_STATE_NAME")
        self.names.add(name)

    def _check_targets(self, start: Any, states: dict[str, Any], location: str) -> None:
        if not isinstance(start, str) or start not in states:
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
                f"State '{name}' is not reachable",
                "MISSING_TRANSITION_TARGET",
            )

    def _missing(self, target: Any, location: str) -> None:
        self.to.add(location, f"Missing target state: {target!r}", "MISSING_TRANSITION_TARGET")


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
