"""Parallel and Map: branches, scopes, concurrency, failures, batches, readers and writers."""

from __future__ import annotations

import io
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
TASK = {"Type": "Task", "Resource": FUNCTION}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}


def inside(machine: Any, **states: Any) -> dict[str, Any]:
    built = machine("JSONPath", **states)
    return {"StartAt": built["StartAt"], "States": built["States"]}


def test_branches_give_their_outputs_in_order(workflows: Any, machine: Any) -> None:
    parallel = {
        "Type": "Parallel",
        "Parameters": {"v.$": "$.x"},
        "Branches": [
            inside(machine, A={"Type": "Pass", "OutputPath": "$.v"}),
            inside(machine, B={"Type": "Pass", "Result": "b"}),
        ],
        "ResultSelector": {"first.$": "$[0]", "second.$": "$[1]"},
        "ResultPath": "$.r",
    }
    output = workflows.output(machine(P=parallel), {"x": 1})
    assert output == {"x": 1, "r": {"first": 1, "second": "b"}}


def test_branches_run_at_once_and_the_first_error_ends_them(workflows: Any, machine: Any) -> None:
    parallel = {
        "Type": "Parallel",
        "Branches": [
            inside(machine, W={"Type": "Wait", "Seconds": 1000}),
            inside(machine, F={"Type": "Fail", "Error": "Mine", "Cause": "why"}),
        ],
        "Catch": [{"ErrorEquals": ["Mine"], "Next": "Z", "ResultPath": "$.e"}],
        "End": True,
    }
    arn = workflows.start(machine(P=parallel, Z={"Type": "Pass"}))
    assert json.loads(workflows.wait(arn)["output"]) == {"e": {"Error": "Mine", "Cause": "why"}}
    kinds = workflows.kinds(arn)
    assert "WaitStateAborted" in kinds
    assert "ParallelStateFailed" in kinds


def test_a_parallel_state_is_retried_whole(
    workflows: Any, cloud: Any, machine: Any, running_time: None
) -> None:
    calls: list[int] = []

    def handler(event: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("again")
        return "done"

    cloud.function(handler)
    parallel = {
        "Type": "Parallel",
        "Branches": [inside(machine, T=TASK)],
        "Retry": [{"ErrorEquals": ["ValueError"]}],
    }
    assert workflows.output(machine(P=parallel)) == ["done"]


def test_scopes_nest(workflows: Any, machine: Any) -> None:
    """Inner scopes read the outer variables; what they assign ends with them."""
    innermost = machine(
        "JSONata",
        I={
            "Type": "Pass",
            "Assign": {"mine": "{% $states.input * $factor %}"},
        },
        J={"Type": "Pass", "Output": "{% $mine + $base %}"},
    )
    mapped = {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "ItemProcessor": {"StartAt": "I", "States": innermost["States"]},
    }
    branch = machine("JSONata", B={"Type": "Pass", "Assign": {"base": 100}}, M=mapped)
    definition = machine(
        "JSONata",
        S={"Type": "Pass", "Assign": {"factor": 10}},
        P={
            "Type": "Parallel",
            "Branches": [{"StartAt": "B", "States": branch["States"]}],
        },
        E={
            "Type": "Pass",
            "Output": {"all": "{% $states.input[0] %}", "leaked": "{% $exists($mine) %}"},
        },
    )
    output = workflows.output(definition, {"items": [1, 2, 3]})
    assert output == {"all": [110, 120, 130], "leaked": False}


def test_map_items_and_their_context(workflows: Any, machine: Any) -> None:
    mapped = {
        "Type": "Map",
        "ItemsPath": "$.list",
        "ItemSelector": {
            "index.$": "$$.Map.Item.Index",
            "value.$": "$$.Map.Item.Value.v",
            "outer.$": "$.outer",
        },
        "ItemProcessor": inside(machine, I={"Type": "Pass"}),
        "ResultPath": "$.out",
        "OutputPath": "$.out",
    }
    data = {"list": [{"v": "a"}, {"v": "b"}], "outer": 1}
    assert workflows.output(machine(M=mapped), data) == [
        {"index": 0, "value": "a", "outer": 1},
        {"index": 1, "value": "b", "outer": 1},
    ]


def test_map_of_the_old_kind(workflows: Any, machine: Any) -> None:
    mapped = {
        "Type": "Map",
        "Parameters": {"v.$": "$$.Map.Item.Value"},
        "Iterator": inside(machine, I={"Type": "Pass", "OutputPath": "$.v"}),
    }
    assert workflows.output(machine(M=mapped), [3, 4]) == [3, 4]


def test_map_in_jsonata(workflows: Any, machine: Any) -> None:
    processor = machine("JSONata", I={"Type": "Pass"})
    mapped = {
        "Type": "Map",
        "Items": "{% $states.input.n[$ > 1] %}",
        "ItemSelector": {
            "v": "{% $states.context.Map.Item.Value %}",
            "of": "{% $states.input.of %}",
        },
        "ItemProcessor": {"StartAt": "I", "States": processor["States"]},
        "Output": "{% $states.result.v %}",
    }
    assert workflows.output(machine("JSONata", M=mapped), {"n": [1, 2, 3], "of": 0}) == [2, 3]


def test_map_of_nothing(workflows: Any, machine: Any) -> None:
    mapped = {"Type": "Map", "ItemProcessor": inside(machine, I={"Type": "Pass"})}
    assert workflows.output(machine(M={**mapped, "ItemsPath": "$.i"}), {"i": []}) == []


def test_only_a_distributed_map_goes_through_an_object(workflows: Any, machine: Any) -> None:
    processor = inside(machine, I={"Type": "Pass"})
    mapped = {"Type": "Map", "ItemsPath": "$.i", "ItemProcessor": processor}
    assert workflows.run(machine(M=mapped), {"i": {"a": 1}})["error"] == "States.Runtime"
    processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    expected = [{"Key": "a", "Value": 1}]
    assert workflows.output(machine(M=mapped), {"i": {"a": 1}}) == expected


def test_what_is_not_a_list_fails(workflows: Any, machine: Any) -> None:
    mapped = {"Type": "Map", "ItemProcessor": inside(machine, I={"Type": "Pass"})}
    assert workflows.run(machine(M=mapped), 5)["error"] == "States.Runtime"


@pytest.mark.parametrize(
    ("language", "limit"),
    [
        ("JSONPath", {"MaxConcurrency": 2}),
        ("JSONPath", {"MaxConcurrencyPath": "$[6]"}),
        ("JSONata", {"MaxConcurrency": "{% $states.input[6] %}"}),
    ],
)
def test_at_most_so_many_at_once(
    workflows: Any, cloud: Any, machine: Any, language: str, limit: Any
) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def handler(event: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        return event

    cloud.function(handler)
    mapped = {"Type": "Map", "ItemProcessor": inside(machine, I=TASK), **limit}
    items = [1, 2, 3, 4, 5, 6, 2]
    assert workflows.output(machine(language, M=mapped), items) == items
    assert most[0] == 2


def failing_odds(event: Any) -> Any:
    if event % 2:
        raise ValueError(f"odd {event}")
    return event


def test_a_failing_item_fails_the_map_with_its_error(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    cloud.function(failing_odds)
    mapped = {
        "Type": "Map",
        "ItemProcessor": inside(machine, I=TASK),
        "Catch": [{"ErrorEquals": ["ValueError"], "Next": "Z"}],
        "End": True,
    }
    arn = workflows.start(machine(M=mapped, Z={"Type": "Pass"}), [2, 4, 5, 6])
    assert json.loads(workflows.wait(arn)["output"])["Error"] == "ValueError"
    assert {"MapIterationFailed", "MapStateFailed"} <= set(workflows.kinds(arn))


@pytest.mark.parametrize(
    ("tolerated", "status"),
    [
        ({"ToleratedFailureCount": 2}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49}, "FAILED"),
        ({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailureCountPath": "$[1]"}, "SUCCEEDED"),
    ],
)
def test_tolerated_failures(
    workflows: Any, cloud: Any, machine: Any, tolerated: Any, status: str
) -> None:
    cloud.function(failing_odds)
    processor = {**inside(machine, I=TASK), **DISTRIBUTED}
    mapped = {"Type": "Map", "ItemProcessor": processor, **tolerated}
    described = workflows.run(machine(M=mapped), [1, 2, 3, 4])
    assert described["status"] == status
    if status == "SUCCEEDED":
        assert json.loads(described["output"]) == [2, 4]
    else:
        assert described["error"] == "States.ExceedToleratedFailureThreshold"


def test_items_in_batches(workflows: Any, machine: Any) -> None:
    mapped = {
        "Type": "Map",
        "ItemProcessor": {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED},
        "ItemsPath": "$.n",
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x.$": "$.x"}},
    }
    output = workflows.output(machine(M=mapped), {"n": [1, 2, 3], "x": "y"})
    assert output == [
        {"BatchInput": {"x": "y"}, "Items": [1, 2]},
        {"BatchInput": {"x": "y"}, "Items": [3]},
    ]


def test_the_children_of_a_distributed_map_see_no_variables(workflows: Any, machine: Any) -> None:
    processor = machine("JSONata", I={"Type": "Pass", "Output": "{% $exists($x) %}"})
    mapped = {
        "Type": "Map",
        "Items": [1],
        "ItemProcessor": {"StartAt": "I", "States": processor["States"], **DISTRIBUTED},
    }
    definition = machine("JSONata", A={"Type": "Pass", "Assign": {"x": 1}}, M=mapped)
    assert workflows.output(definition) == [False]


READERS = [
    ({"InputType": "JSON"}, '[{"a": 1}, 2]', [{"a": 1}, 2]),
    ({"InputType": "JSON", "MaxItems": 1}, "[1, 2]", [1]),
    ({"InputType": "JSON", "ItemsPointer": "/x/y"}, '{"x": {"y": [5]}}', [5]),
    ({"InputType": "JSONL"}, '{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "a,b\n1,\"x,y\"\n",
     [{"a": "1", "b": "x,y"}]),
    ({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"],
      "CSVDelimiter": "PIPE"}, "1|2\n", [{"a": "1"}]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "text", "expected"), READERS)
def test_items_from_an_object_in_s3(
    workflows: Any, cloud: Any, machine: Any, config: Any, text: str, expected: Any
) -> None:
    def get_object(Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (Bucket, Key) == ("lake", "items")
        return {"Body": io.BytesIO(text.encode())}

    cloud.operations["s3"] = {"get_object": get_object}
    mapped = {
        "Type": "Map",
        "ItemProcessor": {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED},
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": config,
            "Parameters": {"Bucket": "lake", "Key.$": "$.key"},
        },
    }
    assert workflows.output(machine(M=mapped), {"key": "items"}) == expected


def test_items_listed_in_s3_and_results_written_there(
    workflows: Any, cloud: Any, machine: Any
) -> None:
    written: dict[str, Any] = {}
    when = datetime(2026, 1, 1, tzinfo=UTC)

    def list_objects(**request: Any) -> dict[str, Any]:
        entry = {"Key": request.get("ContinuationToken", "first"), "Size": 1, "LastModified": when}
        more = {} if "ContinuationToken" in request else {"NextContinuationToken": "second"}
        return {"Contents": [entry], "IsTruncated": bool(more), **more}

    def put_object(**request: Any) -> dict[str, Any]:
        written[request["Key"]] = json.loads(request["Body"])
        return {}

    cloud.operations["s3"] = {"list_objects_v2": list_objects, "put_object": put_object}
    mapped = {
        "Type": "Map",
        "ItemProcessor": {
            **inside(machine, I={"Type": "Pass", "OutputPath": "$.Key"}),
            **DISTRIBUTED,
        },
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Parameters": {"Bucket": "lake", "Prefix": "p/"},
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "lake", "Prefix": "out"},
        },
    }
    output = workflows.output(machine(M=mapped))
    manifest = written[output["ResultWriterDetails"]["Key"]]
    assert manifest["MapRunArn"] == output["MapRunArn"]
    results = written[manifest["ResultFiles"]["SUCCEEDED"][0]["Key"]]
    assert [json.loads(result["Output"]) for result in results] == ["first", "second"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Transformation": "COMPACT"}, [[1, 2], [3]]),
        ({"Transformation": "FLATTEN", "OutputType": "JSON"}, [1, 2, 3]),
    ],
)
def test_results_can_be_transformed_without_being_written(
    workflows: Any, machine: Any, config: Any, expected: Any
) -> None:
    mapped = {
        "Type": "Map",
        "ItemProcessor": {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED},
        "ResultWriter": {"WriterConfig": config},
    }
    assert workflows.output(machine(M=mapped), [[1, 2], [3]]) == expected


def retried(state: Any) -> dict[str, Any]:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0, "MaxAttempts": 1}
    return {**state, "Retry": [retry]}


@pytest.mark.parametrize("caught", [False, True])
def test_a_parallel_fails_with_its_last_attempt(workflows: Any, machine: Any, caught: bool) -> None:
    state = retried({"Type": "Parallel", "Branches": [inside(machine, B={"Type": "Fail"})]})
    if caught:
        state |= {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "N"}], "End": True}
    arn = workflows.start(machine(S=state, **({"N": {"Type": "Succeed"}} if caught else {})))
    workflows.wait(arn)
    attempt = ["ParallelStateStarted", "FailStateEntered"]
    end = ["ParallelStateExited", "SucceedStateEntered"] if caught else ["ExecutionFailed"]
    expected = ["ExecutionStarted", "ParallelStateEntered", *attempt, *attempt]
    expected += ["ParallelStateFailed", *end]
    assert workflows.kinds(arn)[: len(expected)] == expected


def test_a_map_fails_with_its_last_attempt(workflows: Any, machine: Any) -> None:
    state = {"Type": "Map", "ItemProcessor": inside(machine, B={"Type": "Fail"})}
    arn = workflows.start(machine(S=retried(state)), [1])
    workflows.wait(arn)
    kinds = workflows.kinds(arn)
    assert kinds.count("MapStateStarted") == 2
    assert kinds.count("MapStateFailed") == 1
    assert kinds[-2:] == ["MapStateFailed", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("items", "found", "shown"),
    [("12", "number", "12"), ("'a'", "string", '"a"'), ("{'a': 1}", "object", '{"a":1}')],
)
def test_items_of_another_type(
    workflows: Any, machine: Any, items: str, found: str, shown: str
) -> None:
    processor = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "Items": f"{{% {items} %}}", "ItemProcessor": processor}
    arn = workflows.start(machine("JSONata", A=state))
    assert workflows.wait(arn)["cause"] == (
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata "
        f"expression '{items}' specified for the field 'Items' returned an unexpected result type. "
        f"Expected 'array', but was '{found}' for value: {shown}"
    )
    assert workflows.kinds(arn)[2:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]


def test_an_error_inside_is_told_once(workflows: Any, machine: Any) -> None:
    inner = {"Type": "Pass", "Output": "{% $gone %}", "End": True}
    branch = {"StartAt": "I", "States": {"I": inner}}
    arn = workflows.start(machine("JSONata", A={"Type": "Parallel", "Branches": [branch]}))
    workflows.wait(arn)
    kinds = workflows.kinds(arn)
    assert kinds[3:] == [
        "PassStateEntered",
        "EvaluationFailed",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("ToleratedFailureCount", -3, "ToleratedFailureCount cannot be negative."),
        (
            "ToleratedFailureCount",
            "x",
            'The ToleratedFailureCountPath field refers to value "x" which is not a valid integer: '
            "$.t",
        ),
        (
            "ToleratedFailurePercentage",
            101,
            "ToleratedFailurePercentage must be between 0 and 100.",
        ),
        (
            "ToleratedFailurePercentage",
            True,
            'The ToleratedFailurePercentagePath field refers to value "true" which is not a valid '
            "float: $.t",
        ),
    ],
)
def test_a_tolerance_is_checked_when_the_map_has_started(
    workflows: Any, machine: Any, field: str, value: Any, told: str
) -> None:
    processor = {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED}
    state = {"Type": "Map", "ItemsPath": "$.xs", f"{field}Path": "$.t", "ItemProcessor": processor}
    arn = workflows.start(machine(A=state), {"xs": [1], "t": value})
    described = workflows.wait(arn)
    assert described["error"] == "States.Runtime"
    place = "An error occurred while executing the state 'A' (entered at the event id #2). "
    assert described["cause"] == place + told
    assert workflows.kinds(arn)[1:] == ["MapStateEntered", "MapStateStarted", "ExecutionFailed"]


def test_a_concurrency_is_checked_before_the_map_has_started(workflows: Any, machine: Any) -> None:
    processor = inside(machine, I={"Type": "Pass"})
    state = {"Type": "Map", "MaxConcurrencyPath": "$.n", "ItemsPath": "$.xs", "Iterator": processor}
    arn = workflows.start(machine(A=state), {"xs": [1], "n": -1})
    told = "Expected non-negative integer for MaxConcurrency, got '-1' instead."
    assert workflows.wait(arn)["cause"].endswith(told)
    assert workflows.kinds(arn)[1:] == ["MapStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
def test_a_processor_of_the_old_name_has_a_config(workflows: Any, machine: Any, mode: str) -> None:
    config = {"Mode": mode, **({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})}
    iterator = {**inside(machine, I={"Type": "Pass"}), "ProcessorConfig": config}
    assert workflows.output(machine(M={"Type": "Map", "Iterator": iterator}), [1]) == [1]


FIRST_ROW = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


@pytest.mark.parametrize(
    ("config", "text", "told"),
    [
        (
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["q", "q"]},
            "1,2\n",
            "CSV headers cannot contain duplicates.",
        ),
        (FIRST_ROW, "a,b,a\n1,2,3\n", "CSV headers cannot contain duplicates."),
        ({"InputType": "JSON"}, '"text"', "Attempting to map over non-iterable node."),
        ({"InputType": "JSON", "ItemsPointer": "/a"}, '{"a": 1}', "Attempting to map over non"),
        ({"InputType": "JSON"}, "{", "Expecting"),
        ({"InputType": "JSON", "MaxItemsPath": "$.n"}, "[1]", "field MaxItems must be positive"),
        (
            {"InputType": "JSON", "MaxItemsPath": "$.half"},
            "[1]",
            "The MaxItemsPath field refers to value '1.5' which is not a valid integer: $.half",
        ),
    ],
)
def test_a_reader_that_fails_fails_its_run(
    workflows: Any, cloud: Any, machine: Any, config: Any, text: str, told: str
) -> None:
    cloud.operations["s3"] = {"get_object": lambda **_: {"Body": io.BytesIO(text.encode())}}
    mapped = {
        "Type": "Map",
        "ItemProcessor": {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED},
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": config,
            "Parameters": {"Bucket": "lake", "Key": "items"},
        },
    }
    arn = workflows.start(machine(M=mapped), {"n": -1, "half": 1.5})
    described = workflows.wait(arn)
    assert described["error"] == "States.ItemReaderFailed"
    assert described["cause"].startswith(told)
    assert workflows.kinds(arn) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]


def test_a_writer_that_fails_fails_its_run(workflows: Any, cloud: Any, machine: Any) -> None:
    def put_object(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "gone"}}, "PutObject")

    cloud.operations["s3"] = {"put_object": put_object}
    mapped = {
        "Type": "Map",
        "ItemProcessor": {**inside(machine, I={"Type": "Pass"}), **DISTRIBUTED},
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "lake", "Prefix": "out"},
        },
    }
    arn = workflows.start(machine(M=mapped), [1])
    assert workflows.wait(arn)["error"] == "States.ResultWriterFailed"
    assert workflows.kinds(arn)[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
