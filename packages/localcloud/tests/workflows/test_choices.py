"""Choice: every operator of JSONPath states, and conditions of JSONata states."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.workflows import choices
from localcloud.workflows.errors import StateError
from localcloud.workflows.paths import Data

DATA = {
    "s": "apple*pie",
    "t": "b",
    "n": 5,
    "m": 7,
    "f": 5.0,
    "yes": True,
    "no": False,
    "null": None,
    "early": "2026-01-01T00:00:00Z",
    "late": "2026-01-01T01:00:00+00:30",
    "empty": [],
    "list": [1],
}
RULES = [
    ({"Variable": "$.s", "StringEquals": "apple*pie"}, True),
    ({"Variable": "$.n", "StringEquals": "5"}, False),
    ({"Variable": "$.s", "StringLessThan": "b"}, True),
    ({"Variable": "$.t", "StringGreaterThanEquals": "b"}, True),
    ({"Variable": "$.s", "StringLessThanPath": "$.t"}, True),
    ({"Variable": "$.s", "StringMatches": "ap*pie"}, True),
    ({"Variable": "$.s", "StringMatches": r"apple\*pie"}, True),
    ({"Variable": "$.t", "StringMatches": r"\*"}, False),
    ({"Variable": "$.s", "StringMatches": "apple"}, False),
    ({"Variable": "$.n", "StringMatches": "*"}, False),
    ({"Variable": "$.n", "NumericEquals": 5}, True),
    ({"Variable": "$.f", "NumericEquals": 5}, True),
    ({"Variable": "$.yes", "NumericEquals": 1}, False),
    ({"Variable": "$.n", "NumericGreaterThan": 4.5}, True),
    ({"Variable": "$.n", "NumericLessThanEqualsPath": "$.m"}, True),
    ({"Variable": "$.n", "NumericGreaterThanEqualsPath": "$.s"}, False),
    ({"Variable": "$.yes", "BooleanEquals": True}, True),
    ({"Variable": "$.no", "BooleanEquals": True}, False),
    ({"Variable": "$.yes", "BooleanEqualsPath": "$.no"}, False),
    ({"Variable": "$.n", "BooleanEquals": True}, False),
    ({"Variable": "$.early", "TimestampLessThan": "2026-01-01T00:00:01Z"}, True),
    ({"Variable": "$.early", "TimestampLessThanPath": "$.late"}, True),
    ({"Variable": "$.early", "TimestampEquals": "2026-01-01T09:00:00+09:00"}, True),
    ({"Variable": "$.s", "TimestampEquals": "2026-01-01T09:00:00+09:00"}, False),
    ({"Variable": "$.null", "IsNull": True}, True),
    ({"Variable": "$.n", "IsNull": False}, True),
    ({"Variable": "$.n", "IsNumeric": True}, True),
    ({"Variable": "$.yes", "IsNumeric": True}, False),
    ({"Variable": "$.s", "IsString": True}, True),
    ({"Variable": "$.no", "IsBoolean": True}, True),
    ({"Variable": "$.early", "IsTimestamp": True}, True),
    ({"Variable": "$.s", "IsTimestamp": False}, True),
    ({"Variable": "$.null", "IsPresent": True}, True),
    ({"Variable": "$.gone", "IsPresent": True}, False),
    ({"Variable": "$.gone", "IsPresent": False}, True),
    ({"Variable": "$.gone.deeper", "IsPresent": False}, True),
    ({"Variable": "$$.Execution.Id", "StringEquals": "e"}, True),
    ({"Variable": "$v", "NumericEquals": 1}, True),
    ({"Not": {"Variable": "$.n", "NumericEquals": 5}}, False),
    (
        {
            "And": [
                {"Variable": "$.gone", "IsPresent": True},
                {"Variable": "$.gone", "IsString": True},
            ]
        },
        False,
    ),
    (
        {"Or": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.gone", "IsString": True}]},
        True,
    ),
]


@pytest.mark.parametrize(("rule", "holds"), RULES)
def test_a_rule(rule: dict[str, Any], holds: bool) -> None:
    data = Data(DATA, {"Execution": {"Id": "e"}}, {"v": 1})
    assert choices.matches(rule, data) is holds


def test_a_variable_that_is_not_there_fails_the_execution() -> None:
    with pytest.raises(StateError, match=r"States.Runtime.*\$\.gone"):
        choices.matches({"Variable": "$.gone", "NumericEquals": 1}, Data(DATA))


def choosing(machine: Any, language: str, *rules: dict[str, Any], **choice: Any) -> Any:
    return machine(
        language,
        C={"Type": "Choice", "Choices": list(rules), **choice},
        Yes={"Type": "Pass", "End": True},
        No={"Type": "Pass", "End": True},
    )


def test_the_first_rule_that_holds_decides(workflows: Any, machine: Any) -> None:
    definition = choosing(
        machine,
        "JSONata",
        {"Condition": "{% $states.input.n > 9 %}", "Next": "No", "Output": "no"},
        {"Condition": "{% $states.input.n > 1 %}", "Next": "Yes", "Output": "yes"},
        {"Condition": True, "Next": "No", "Output": "late"},
        Output="default",
        Default="No",
    )
    assert workflows.output(definition, {"n": 5}) == "yes"
    assert workflows.output(definition, {"n": 0}) == "late"


def test_the_default_has_the_states_own_output(workflows: Any, machine: Any) -> None:
    rule = {"Condition": "{% false %}", "Next": "Yes"}
    definition = choosing(machine, "JSONata", rule, Output="default", Default="No")
    assert workflows.output(definition) == "default"


def test_no_rule_and_no_default(workflows: Any, machine: Any) -> None:
    rules = [
        {"Variable": "$.n", "NumericEquals": 1, "Next": "Yes"},
        {"Variable": "$.n", "NumericEquals": 2, "Next": "No"},
    ]
    described = workflows.run(choosing(machine, "JSONPath", *rules), {"n": 3})
    assert described["error"] == "States.NoChoiceMatched"


def test_a_condition_must_be_a_boolean(workflows: Any, machine: Any) -> None:
    rule = {"Condition": "{% 1 %}", "Next": "Yes"}
    described = workflows.run(choosing(machine, "JSONata", rule, Default="No"))
    assert described["error"] == "States.QueryEvaluationError"


def test_a_rule_assigns(workflows: Any, machine: Any) -> None:
    rule = {"Variable": "$.n", "IsPresent": True, "Next": "Yes", "Assign": {"x.$": "$.n"}}
    definition = choosing(machine, "JSONPath", rule, Default="No")
    definition["States"]["Yes"] |= {"Parameters": {"x.$": "$x"}}
    assert workflows.output(definition, {"n": 3}) == {"x": 3}
