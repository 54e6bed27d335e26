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
    "IntervalSeconds": (0, 99_999_999),
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
        if not self.to.required(state, ("Type",), location):
            return
        kind, language = state["Type"], state.get("QueryLanguage", self.language)
        if not isinstance(kind, str) or kind not in fields.TYPES:
            known = ", ".join(fields.TYPES)
            message = f"The field 'Type' should have one of these values: [{known}]"
            self.to.add(f"{location}/Type", message)
            return
        if not self.to.one_of(language, fields.STATES, f"{location}/QueryLanguage"):
            return
        if (self.language, language) == (JSONATA, JSONPATH):
            message = (
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            )
            self.to.add(location, message)
            return
        self._check_known(state, kind, language, location)
        check_fields(state, language, location, self.to)
        self._check_transition(state, kind, location)
        self._check_retry(state, location)
        self._check_catch(state, language, location)
        self._check_kind(state, kind, language, location, variables)

    def _check_known(self, state: dict[str, Any], kind: str, language: str, location: str) -> None:
        """Report the fields that such a state doesn't have, in this query language or at all."""
        here, other = fields.of_state(kind, language), JSONATA if language == JSONPATH else JSONPATH
        there = fields.of_state(kind, other) - here
        self.to.unknown_fields(state, here | there, location)
        for field in sorted(there & state.keys()):
            message = (
                f"The QueryLanguage is set to '{language}', but field '{field}' is only supported "
                f"for the '{other}' QueryLanguage"
            )
            self.to.add(f"{location}/{field}", message)

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
        self.to.exactly_one(state, ("Next", "End"), location)

    def _check_task(self, state: dict[str, Any], language: str, location: str) -> None:
        self.to.required(state, ("Resource",), location)
        if "Resource" in state:
            self._check_resource(state, language, location)
        timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
        both = json_values.is_integer(timeout) and json_values.is_integer(heartbeat)
        if both and heartbeat >= timeout:  # type: ignore[operator]
            self.to.add(f"{location}/HeartbeatSeconds", "Must be below TimeoutSeconds")

    def _check_resource(self, state: dict[str, Any], language: str, location: str) -> None:
        arn, place = state["Resource"], f"{location}/Resource"
        if not self.to.string(arn, place):
            return
        if not arn.startswith("arn:"):
            self.to.add(place, "Value is not a valid resource ARN")
        elif self.to.attempt(resource.parse, arn, place):
            found = resource.parse(arn)
            express = "Express state machine does not support"
            if self.express and found.kind == "activity":
                self.to.add(place, f"{express} Activity ARN")
            elif self.express and found.pattern:
                pattern = found.pattern.partition(":")[0]
                # The space at the end is AWS's.
                self.to.add(place, f"{express} '.{pattern}' service integration ")
            field = "Arguments" if language == JSONATA else "Parameters"
            if found.kind in {"optimized", "sdk"}:
                parameters.check(state.get(field), found, f"{location}/{field}", self.to)

    def _check_choice(self, state: dict[str, Any], language: str, location: str) -> None:
        if not self.to.required(state, ("Choices",), location):
            return
        for index, rule in enumerate(self.to.array(state["Choices"], f"{location}/Choices")):
            place = f"{location}/Choices[{index}]"
            rule = self.to.object(rule, place)
            self.to.required(rule, ("Next",), place)
            check_assign(rule, place, self.to)
            if language == JSONATA:
                self._check_condition(rule, place)
            else:
                check_template(rule.get("Assign"), f"{place}/Assign", self.to)
                choices.check(rule, place, self.to, top=True)

    def _check_condition(self, rule: dict[str, Any], location: str) -> None:
        known = {"Condition", "Next", "Assign", "Output", "Comment"}
        self.to.unknown_fields(rule, known, location)
        if "Condition" not in rule:
            self.to.add(location, choices.ONE_KIND)
            return
        condition = rule["Condition"]
        if isinstance(condition, str):
            self.to.attempt(jsonata_queries.check, condition, f"{location}/Condition")
        elif not isinstance(condition, bool):
            self.to.add(f"{location}/Condition", "Expected true, false or a JSONata expression")
        for field in ("Assign", "Output"):
            check_expressions(rule.get(field), f"{location}/{field}", self.to)

    def _check_wait(self, state: dict[str, Any], location: str) -> None:
        ways = ("SecondsPath", "Seconds", "TimestampPath", "Timestamp")
        self.to.exactly_one(state, ways, location)

    def _check_parallel(
        self, state: dict[str, Any], location: str, variables: frozenset[str]
    ) -> None:
        if not self.to.required(state, ("Branches",), location):
            return
        for index, branch in enumerate(self.to.array(state["Branches"], f"{location}/Branches")):
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
        if not json_values.is_number(rate):
            self.to.add(f"{location}/BackoffRate", "Expected value of type Number")
        elif rate < 1:
            self.to.add(f"{location}/BackoffRate", "Minimum value is 1")
        jitter = retrier.get("JitterStrategy", "NONE")
        self.to.one_of(jitter, ("NONE", "FULL"), f"{location}/JitterStrategy")
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
            self.to.required(catcher, ("Next",), place)
            check_assign(catcher, place, self.to)
            if language == JSONATA:
                check_expressions(catcher.get("Output"), f"{place}/Output", self.to)
                check_expressions(catcher.get("Assign"), f"{place}/Assign", self.to)
            else:
                check_result_path(catcher, place, self.to)
                check_template(catcher.get("Assign"), f"{place}/Assign", self.to)

    def _check_error_equals(self, rule: dict[str, Any], last: bool, location: str) -> None:
        if not self.to.required(rule, ("ErrorEquals",), location):
            return
        place = f"{location}/ErrorEquals"
        names = self.to.array(rule["ErrorEquals"], place)
        if not all(isinstance(name, str) for name in names):
            self.to.add(place, "Expected value of type String")
        elif _WILDCARD in names and (len(names) > 1 or not last):
            self.to.add(place, f"{_WILDCARD} must appear alone and at end of list")
