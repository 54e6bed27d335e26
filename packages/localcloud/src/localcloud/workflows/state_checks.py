"""Checks of one state: its type's fields, transitions, retriers, catchers, resource, rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.workflows import choices, fields, json_values, jsonata_queries
from localcloud.workflows.field_checks import (
    check_assign,
    check_expressions,
    check_fields,
    check_result_path,
    check_template,
)
from localcloud.workflows.fields import JSONATA, JSONPATH
from localcloud.workflows.integrations import parameters, resource
from localcloud.workflows.map_checks import check_map
from localcloud.workflows.problems import Problems
from localcloud.workflows.retries import MAX_DELAY_SECONDS

_WILDCARD = "States.ALL"
_NUMBERS = {  # field: (least, most)
    "IntervalSeconds": (1, 99_999_999),
    "MaxAttempts": (0, 99_999_999),
    "MaxDelaySeconds": (1, MAX_DELAY_SECONDS),
}
CheckMachine = Callable[[Mapping[str, Any], str, frozenset[str]], None]


class StateChecks:
    """Reports what is wrong with a state. `check_machine` checks a machine inside it."""

    def __init__(
        self, language: str, express: bool, to: Problems, check_machine: CheckMachine
    ) -> None:
        self.language, self.express, self.to = language, express, to
        self.check_machine = check_machine

    def check(self, state: dict[str, Any], location: str, variables: frozenset[str]) -> None:
        kind, language = state.get("Type"), state.get("QueryLanguage", self.language)
        if kind not in fields.TYPES:
            known = ", ".join(fields.TYPES)
            self.to.add(f"{location}/Type", f"State type {kind!r} is not one of {known}")
            return
        if not self.to.one_of(language, fields.STATES, f"{location}/QueryLanguage"):
            return
        if (self.language, language) == (JSONATA, JSONPATH):
            self.to.add(f"{location}/QueryLanguage", f"{language!r} can't be used here")
            return
        self.to.unknown_fields(state, fields.of_state(kind, language), location)
        check_fields(state, language, location, self.to)
        self._check_transition(state, kind, location)
        self._check_retry(state, location)
        self._check_catch(state, language, location)
        self._check_kind(state, kind, language, location, variables)

    def _check_kind(
        self,
        state: dict[str, Any],
        kind: str,
        language: str,
        location: str,
        variables: frozenset[str],
    ) -> None:
        if kind == "Task":
            self._check_task(state, language, location)
        elif kind == "Choice":
            self._check_choice(state, language, location)
        elif kind == "Wait":
            self._check_wait(state, location)
        elif kind == "Parallel":
            self._check_parallel(state, location, variables)
        elif kind == "Map":
            self._check_map(state, language, location, variables)

    def _check_map(
        self, state: dict[str, Any], language: str, location: str, variables: frozenset[str]
    ) -> None:
        processor = check_map(state, language, location, self.to)
        if self.express and not processor.inline:
            self.to.add(location, "Express workflows don't support a Map of Mode DISTRIBUTED")
        outer = variables if processor.inline else frozenset()
        around = self.express
        self.express = around or processor.express
        self.check_machine(processor.machine, processor.location, outer)
        self.express = around

    def _check_transition(self, state: dict[str, Any], kind: str, location: str) -> None:
        if kind in {"Choice", "Succeed", "Fail"}:
            return
        if "End" in state and state["End"] is not True:
            self.to.add(f"{location}/End", "Expected true")
        if ("Next" in state) == ("End" in state):
            self.to.add(location, "Exactly one of 'Next' and 'End' is required")

    def _check_task(self, state: dict[str, Any], language: str, location: str) -> None:
        arn, place = state.get("Resource"), f"{location}/Resource"
        if not isinstance(arn, str):
            self.to.add(place, "Expected the ARN of what the task calls")
        elif self.to.attempt(resource.parse, arn, place):
            found = resource.parse(arn)
            if self.express and found.kind == "activity":
                self.to.add(place, "Express workflows don't support activities")
            elif self.express and found.pattern:
                self.to.add(place, f"Express workflows don't support .{found.pattern}")
            field = "Arguments" if language == JSONATA else "Parameters"
            if found.kind in {"optimized", "sdk"}:
                parameters.check(state.get(field), found, f"{location}/{field}", self.to)
        timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
        both = json_values.is_integer(timeout) and json_values.is_integer(heartbeat)
        if both and heartbeat >= timeout:  # type: ignore[operator]
            self.to.add(f"{location}/HeartbeatSeconds", "Must be below TimeoutSeconds")

    def _check_choice(self, state: dict[str, Any], language: str, location: str) -> None:
        for index, rule in enumerate(self.to.array(state.get("Choices"), f"{location}/Choices")):
            place = f"{location}/Choices[{index}]"
            rule = self.to.object(rule, place)
            if not isinstance(rule.get("Next"), str):
                self.to.add(place, "A choice rule needs 'Next'")
            check_assign(rule, place, self.to)
            if language == JSONATA:
                self._check_condition(rule, place)
            else:
                check_template(rule.get("Assign"), f"{place}/Assign", self.to)
                choices.check(rule, place, self.to, top=True)

    def _check_condition(self, rule: dict[str, Any], location: str) -> None:
        known = {"Condition", "Next", "Assign", "Output", "Comment"}
        self.to.unknown_fields(rule, known, location)
        condition = rule.get("Condition")
        if isinstance(condition, str):
            self.to.attempt(jsonata_queries.check, condition, f"{location}/Condition")
        elif not isinstance(condition, bool):
            self.to.add(f"{location}/Condition", "Expected true, false or a JSONata expression")
        for field in ("Assign", "Output"):
            check_expressions(rule.get(field), f"{location}/{field}", self.to)

    def _check_wait(self, state: dict[str, Any], location: str) -> None:
        ways = {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}
        if len(ways & state.keys()) != 1:
            self.to.add(location, "A Wait state needs exactly one of Seconds and Timestamp")

    def _check_parallel(
        self, state: dict[str, Any], location: str, variables: frozenset[str]
    ) -> None:
        for index, branch in enumerate(
            self.to.array(state.get("Branches"), f"{location}/Branches")
        ):
            place = f"{location}/Branches[{index}]"
            branch = self.to.object(branch, place)
            self.to.unknown_fields(branch, fields.BRANCH, place)
            self.check_machine(branch, place, variables)

    def _check_retry(self, state: dict[str, Any], location: str) -> None:
        if "Retry" not in state:
            return
        retriers = self.to.array(state["Retry"], f"{location}/Retry")
        for index, retrier in enumerate(retriers):
            place = f"{location}/Retry[{index}]"
            retrier = self.to.object(retrier, place)
            self.to.unknown_fields(retrier, fields.RETRIER, place)
            self._check_error_equals(retrier, index == len(retriers) - 1, place)
            self._check_backoff(retrier, place)

    def _check_backoff(self, retrier: dict[str, Any], location: str) -> None:
        numbers = [
            self.to.integer(retrier.get(field, least), least, most, f"{location}/{field}")
            for field, (least, most) in _NUMBERS.items()
        ]
        rate = retrier.get("BackoffRate", 1)
        if not json_values.is_number(rate) or rate < 1:
            self.to.add(f"{location}/BackoffRate", "Expected a number of at least 1.0")
        jitter = retrier.get("JitterStrategy", "NONE")
        self.to.one_of(jitter, {"NONE", "FULL"}, f"{location}/JitterStrategy")
        longest = retrier.get("MaxDelaySeconds", MAX_DELAY_SECONDS)
        if all(numbers) and longest <= retrier.get("IntervalSeconds", 1):
            self.to.add(f"{location}/MaxDelaySeconds", "Must be above IntervalSeconds")

    def _check_catch(self, state: dict[str, Any], language: str, location: str) -> None:
        if "Catch" not in state:
            return
        catchers = self.to.array(state["Catch"], f"{location}/Catch")
        for index, catcher in enumerate(catchers):
            place = f"{location}/Catch[{index}]"
            catcher = self.to.object(catcher, place)
            self.to.unknown_fields(catcher, fields.CATCHER[language], place)
            self._check_error_equals(catcher, index == len(catchers) - 1, place)
            if not isinstance(catcher.get("Next"), str):
                self.to.add(place, "A catcher needs 'Next'")
            check_assign(catcher, place, self.to)
            if language == JSONATA:
                check_expressions(catcher.get("Output"), f"{place}/Output", self.to)
                check_expressions(catcher.get("Assign"), f"{place}/Assign", self.to)
            else:
                check_result_path(catcher, place, self.to)
                check_template(catcher.get("Assign"), f"{place}/Assign", self.to)

    def _check_error_equals(self, rule: dict[str, Any], last: bool, location: str) -> None:
        place = f"{location}/ErrorEquals"
        names = self.to.array(rule.get("ErrorEquals"), place)
        if not all(isinstance(name, str) for name in names):
            self.to.add(place, "Expected error names")
        elif _WILDCARD in names and (len(names) > 1 or not last):
            self.to.add(place, f"{_WILDCARD} must stand alone, in the last one")
