"""How data goes through states, in both query languages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:echo"
DATA = {"a": {"b": [1, 2, 3]}, "name": "巡る", "none": None}

JSONPATH_PASSES = [
    ({}, DATA),
    ({"InputPath": "$.a"}, {"b": [1, 2, 3]}),
    ({"InputPath": None}, DATA | {}),
    ({"OutputPath": "$.a.b[0]"}, 1),
    ({"OutputPath": None}, {}),
    ({"Result": {"x": 1}}, {"x": 1}),
    ({"Result": 7, "ResultPath": "$.c.d"}, {**DATA, "c": {"d": 7}}),
    ({"Result": 7, "ResultPath": "$.a.b[1]"}, {**DATA, "a": {"b": [1, 7, 3]}}),
    ({"Result": 7, "ResultPath": None}, DATA),
    ({"Parameters": {"n.$": "$.name", "s": "$.name"}}, {"n": "巡る", "s": "$.name"}),
    ({"Parameters": {"deep": [{"v.$": "$.a.b[-1:]"}]}}, {"deep": [{"v": [3]}]}),
    ({"Parameters": {"all.$": "$.a.b[?(@ > 1)]"}}, {"all": [2, 3]}),
    ({"Parameters": {"m.$": "States.Format('{}-{}', $.name, $.a.b[0])"}}, {"m": "巡る-1"}),
    ({"InputPath": "$.a", "Parameters": {"n.$": "$.b[2]"}, "ResultPath": "$.r"},
     {**DATA, "r": {"n": 3}}),
    ({"Parameters": {"name.$": "$$.State.Name"}}, {"name": "P"}),
    ({"Parameters": {"missing.$": "$.none"}}, {"missing": None}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), JSONPATH_PASSES)
def test_pass_in_jsonpath(workflows: Any, machine: Any, fields: Any, expected: Any) -> None:
    if fields == {"InputPath": None}:
        expected = {}
    assert workflows.output(machine(P={"Type": "Pass", **fields}), DATA) == expected


JSONATA_PASSES = [
    ({}, DATA),
    ({"Output": "{% $states.input.a.b[1] %}"}, 2),
    ({"Output": {"n": "{% $states.input.name & '!' %}", "s": "a {% 1 %}"}},
     {"n": "巡る!", "s": "a {% 1 %}"}),
    ({"Output": "{% $states.input.none %}"}, None),
    ({"Output": "{% $states.input.a.b[$ > 2] %}"}, 3),
    ({"Output": "{% [$states.input.a.b[$ > 2]] %}"}, [3]),
    ({"Output": {"list": ["{% 4 / 2 %}", {"half": "{% 1 / 2 %}"}]}}, {"list": [2, {"half": 0.5}]}),
    ({"Output": "{% {'x': 1, 'gone': $states.input.nothing} %}"}, {"x": 1}),
    ({"Output": "{% $states.context.State.Name %}"}, "P"),
    ({"Output": "{% $partition([1..5], 2) %}"}, [[1, 2], [3, 4], [5]]),
    ({"Output": "{% $range(0, 10, 5) %}"}, [0, 5, 10]),
    ({"Output": "{% $hash('hello', 'SHA-1') %}"}, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
    ({"Output": "{% $parse('{\"a\": [1, null]}') %}"}, {"a": [1, None]}),
    ({"Output": "{% $random(7) = $random(7) %}"}, True),
    ({"Output": "{% $length($uuid()) %}"}, 36),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), JSONATA_PASSES)
def test_pass_in_jsonata(workflows: Any, machine: Any, fields: Any, expected: Any) -> None:
    definition = machine("JSONata", P={"Type": "Pass", **fields})
    assert workflows.output(definition, DATA) == expected


@pytest.mark.parametrize(
    "expression",
    ["$states.input.nothing", "$states.result", "1 + 'a'", "$sum", "1 / 0", "$partition([1], 0)"],
)
def test_a_failing_query_is_a_query_evaluation_error(
    workflows: Any, machine: Any, expression: str
) -> None:
    definition = machine("JSONata", P={"Type": "Pass", "Output": f"{{% {expression} %}}"})
    described = workflows.run(definition)
    assert described["status"] == "FAILED"
    assert described["error"] == "States.QueryEvaluationError"
    assert expression in described["cause"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"InputPath": "$.x"}, "States.Runtime"),
        ({"Parameters": {"v.$": "$.x"}}, "States.Runtime"),
        ({"Parameters": {"v.$": "States.ArrayGetItem($.a.b, 9)"}}, "States.IntrinsicFailure"),
        ({"ResultPath": "$.name.x"}, "States.ResultPathMatchFailure"),
        ({"OutputPath": "$.x"}, "States.Runtime"),
    ],
)
def test_a_failing_path_names_its_error(
    workflows: Any, machine: Any, fields: Any, error: str
) -> None:
    described = workflows.run(machine(P={"Type": "Pass", **fields}), DATA)
    assert (described["status"], described["error"]) == ("FAILED", error)


def test_task_flow_in_jsonpath(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: {"got": event, "extra": 1})
    task = {
        "Type": "Task",
        "Resource": FUNCTION,
        "InputPath": "$.a",
        "Parameters": {"first.$": "$.b[0]"},
        "ResultSelector": {"selected.$": "$.got.first"},
        "ResultPath": "$.result",
        "OutputPath": "$['name', 'result']",
        "Assign": {"raw.$": "$.extra"},
    }
    after = {"Type": "Pass", "Parameters": {"raw.$": "$raw", "out.$": "$"}}
    output = workflows.output(machine(T=task, P=after), DATA)
    assert output == {"raw": 1, "out": ["巡る", {"selected": 1}]}


def test_assign_and_output_see_the_old_variables(workflows: Any, machine: Any) -> None:
    definition = machine(
        "JSONata",
        A={"Type": "Pass", "Assign": {"x": 1, "null": None}},
        B={"Type": "Pass", "Assign": {"x": 2, "y": "{% $x + 10 %}"}, "Output": "{% $x %}"},
        C={"Type": "Pass", "Output": "{% [$states.input, $x, $y, $null] %}"},
    )
    assert workflows.output(definition) == [1, 2, 11, None]


def test_a_jsonata_state_inside_a_jsonpath_machine(workflows: Any, machine: Any) -> None:
    definition = machine(
        A={"Type": "Pass", "Assign": {"x.$": "$.a.b"}},
        B={"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum($x) %}"},
        C={"Type": "Pass", "Parameters": {"sum.$": "$", "x.$": "$x[1]"}},
    )
    assert workflows.output(definition, DATA) == {"sum": 6, "x": 2}


def test_now_follows_the_clock_of_the_cloud(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.clock.advance(timedelta(days=36500))
    definition = machine("JSONata", P={"Type": "Pass", "Output": "{% $now('[Y0001]') %}"})
    assert int(workflows.output(definition)) >= 2120


def test_more_than_the_payload_quota_is_refused(workflows: Any, cloud: Any, machine: Any) -> None:
    cloud.function(lambda event: "x" * 300_000)
    caught = {"ErrorEquals": ["States.ALL"], "Next": "Z"}
    task = {"Type": "Task", "Resource": FUNCTION, "Catch": [caught], "End": True}
    arn = workflows.start(machine(T=task, Z={"Type": "Pass"}))
    assert json.loads(workflows.wait(arn)["output"]) == {
        "Error": "States.DataLimitExceeded",
        "Cause": f"The state/task '{FUNCTION}' returned a result with a size exceeding the maximum "
        "number of bytes service limit.",
    }
    assert "LambdaFunctionFailed" in workflows.kinds(arn)


def test_the_variables_of_one_assign_share_the_quota(workflows: Any, machine: Any) -> None:
    large = {"a": "{% $states.input.x %}", "b": "{% $states.input.x %}"}
    definition = machine("JSONata", P={"Type": "Pass", "Assign": large, "Output": 1})
    described = workflows.run(definition, {"x": "y" * 150_000})
    assert described["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "Seconds": "{% 'soon' %}"},
        {"Type": "Wait", "Seconds": "{% -1 %}"},
        {"Type": "Wait", "Timestamp": "{% 'soon' %}"},
        {"Type": "Fail", "Error": "{% 1 %}"},
        {"Type": "Map", "Items": "{% 1 %}", "ItemProcessor": {
            "StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}},
    ],
)  # fmt: skip
def test_a_computed_value_of_a_wrong_type(workflows: Any, machine: Any, state: Any) -> None:
    described = workflows.run(machine("JSONata", S=state))
    assert described["error"] == "States.QueryEvaluationError"


def expression(text: str, field: str, happened: str) -> str:
    return (
        "An error occurred while executing the state 'S' (entered at the event id #2). "
        f"The JSONata expression '{text}' specified for the field '{field}' {happened}"
    )


UNDEFINED = "returned nothing (undefined)."
FAILS = "{% $states.input.gone %}"


@pytest.mark.parametrize(
    ("state", "field"),
    [
        ({"Type": "Pass", "Output": FAILS}, "Output"),
        ({"Type": "Pass", "Output": {"sum": FAILS}}, "Output/sum"),
        ({"Type": "Pass", "Output": {"a": [1, {"b": FAILS}]}}, "Output/a[1]/b"),
        ({"Type": "Pass", "Assign": {"x": FAILS}}, "Assign/x"),
        ({"Type": "Wait", "Seconds": FAILS}, "Seconds"),
        ({"Type": "Fail", "Error": "E", "Cause": FAILS}, "Cause"),
        ({"Type": "Succeed", "Output": FAILS}, "Output"),
        (
            {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% false %}", "Next": "N"},
                    {"Condition": FAILS, "Next": "N"},
                ],
            },
            "Choices[1]/Condition",
        ),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Output": FAILS, "Next": "N"}]},
            "Choices[0]/Output",
        ),
        ({"Type": "Task", "Resource": FUNCTION, "Arguments": {"a": FAILS}}, "Arguments/a"),
    ],
)
def test_the_cause_names_the_field_of_the_expression(
    workflows: Any, machine: Any, state: Any, field: str
) -> None:
    following = {} if state["Type"] in {"Fail", "Succeed"} else {"N": {"Type": "Succeed"}}
    arn = workflows.start(machine("JSONata", S=state, **following))
    described = workflows.wait(arn)
    assert described["error"] == "States.QueryEvaluationError"
    assert described["cause"] == expression("$states.input.gone", field, UNDEFINED)
    failed = [event for event in workflows.history(arn) if event["type"] == "EvaluationFailed"]
    assert [event["evaluationFailedEventDetails"] for event in failed] == [
        {
            "error": "States.QueryEvaluationError",
            "cause": described["cause"],
            "location": field,
            "state": "S",
        }
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 + 'a'", '. T2002: The right side of the "+" operator must evaluate to a number'),
        (
            "$sum('x')",
            '. T0412: Argument 1 of function "sum" must be an array of "numbers"',
        ),
        ("$nothing()", ". T1006: Attempted to invoke a non-function"),
        ("$eval('1')", ". T1006: Attempted to invoke a non-function"),
        ("$error('no tea')", ". D3137: no tea"),
        ("$range(1, 2, 0)", ": $range takes three numbers, the last of them not 0"),
    ],
)
def test_the_cause_tells_what_jsonata_says(
    workflows: Any, machine: Any, text: str, told: str
) -> None:
    described = workflows.run(machine("JSONata", S={"Type": "Pass", "Output": f"{{% {text} %}}"}))
    assert described["cause"] == expression(
        text, "Output", f"threw an error during evaluation{told}"
    )


@pytest.mark.parametrize(
    ("field", "text", "expected", "found", "value"),
    [
        ("Seconds", "'soon'", "number", "string", '"soon"'),
        ("Seconds", "[1, 2]", "number", "array", "[1,2]"),
        ("Timestamp", "true", "string", "boolean", "true"),
        ("Timestamp", "null", "string", "null", "null"),
    ],
)
def test_the_cause_tells_the_type_of_a_computed_value(
    workflows: Any, machine: Any, field: str, text: str, expected: str, found: str, value: str
) -> None:
    described = workflows.run(machine("JSONata", S={"Type": "Wait", field: f"{{% {text} %}}"}))
    happened = (
        f"returned an unexpected result type. Expected '{expected}', but was '{found}' for "
        f"value: {value}"
    )
    assert described["cause"] == expression(text, field, happened)


def test_a_key_that_ends_in_dot_dollar_is_a_key_in_jsonata(workflows: Any, machine: Any) -> None:
    output = {"price.$": "$.x", "in": [{"a.$": "{% 1 %}"}]}
    definition = machine("JSONata", P={"Type": "Pass", "Output": output})
    assert workflows.output(definition) == {"price.$": "$.x", "in": [{"a.$": 1}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$range(5, 6, 4)", 5),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("{'a': $range(1, 1, 1)}", {"a": 1}),
        ("$count($range(5, 5, 1))", 1),
        ("$range(5, 5, 1)[]", [5]),
        ("[1, 2][$ > 1]", 2),
        ("$map([1], function($x) { $x })", 1),
        ("[$range(5, 5, 1)]", [5]),
        ("$partition([0], 1)", [[0]]),
    ],
)
def test_a_sequence_of_one_is_its_value(
    workflows: Any, machine: Any, text: str, expected: Any
) -> None:
    definition = machine("JSONata", P={"Type": "Pass", "Output": f"{{% {text} %}}"})
    assert workflows.output(definition) == expected


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"InputPath": "$.gone"}, "Invalid path '$.gone' : No results for path: $['gone']"),
        ({"OutputPath": "$.gone"}, "Invalid path '$.gone' : No results for path: $['gone']"),
        (
            {"InputPath": "$.list[7]"},
            "Invalid path '$.list[7]' : No results for path: $['list'][7]",
        ),
        (
            {"InputPath": "$.no.way"},
            "Invalid path '$.no.way' : Missing property in path $['no']",
        ),
        (
            {"Parameters": {"a.$": "$.gone"}},
            "The JSONPath '$.gone' specified for the field 'a.$' could not be found in the input "
            '\'{"list":[1],"n":-1,"t":"soon"}\'',
        ),
    ],
)
def test_the_cause_of_a_path_that_finds_nothing(
    workflows: Any, machine: Any, fields: Any, told: str
) -> None:
    data = {"list": [1], "n": -1, "t": "soon"}
    described = workflows.run(machine(S={"Type": "Pass", **fields}), data)
    assert described["error"] == "States.Runtime"
    place = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert described["cause"] == place + told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"SecondsPath": "$.x"}, "SecondsPath parameter does not reference an input value: $.x"),
        ({"SecondsPath": "$.t"}, "SecondsPath parameter cannot be parsed as a long value: $.t =="),
        ({"SecondsPath": "$.n"}, "SecondsPath parameter references a negative value: $.n == -1"),
        (
            {"TimestampPath": "$.t"},
            "TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "
            "format string: $.t == soon",
        ),
    ],
)
def test_the_cause_of_a_wait_that_cannot_be(
    workflows: Any, machine: Any, fields: Any, told: str
) -> None:
    described = workflows.run(machine(S={"Type": "Wait", **fields}), {"n": -1, "t": "soon"})
    assert described["error"] == "States.Runtime"
    assert told in described["cause"]


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("Pass", {"Name", "EnteredTime"}),
        ("Task", {"Name", "EnteredTime", "RetryCount"}),
        ("Parallel", {"Name", "EnteredTime", "RetryCount"}),
    ],
)
def test_the_context_object_counts_retries_where_there_may_be_any(
    workflows: Any, cloud: Any, machine: Any, kind: str, members: set[str]
) -> None:
    cloud.function(lambda event: event)
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    own: dict[str, dict[str, Any]] = {
        "Pass": {},
        "Task": {"Resource": FUNCTION},
        "Parallel": {"Branches": [inner]},
    }
    state = {"Type": kind, "Parameters": {"state.$": "$$.State"}, **own[kind]}
    output = workflows.output(machine(S=state))
    found = output[0] if kind == "Parallel" else output
    assert found["state"].keys() == members


def test_a_seeded_random_number_is_the_one_that_aws_gives(workflows: Any, machine: Any) -> None:
    definition = machine("JSONata", P={"Type": "Pass", "Output": "{% $random(42) %}"})
    assert workflows.output(definition) == 0.7275636800328681
