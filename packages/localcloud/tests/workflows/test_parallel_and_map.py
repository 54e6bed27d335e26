"""Parallel and Map: branches, scopes, concurrency, failures, batches, readers and writers."""

from __future__ import annotations

import io
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

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


@pytest.mark.parametrize(("items", "expected"), [([], []), ({"a": 1}, [{"Key": "a", "Value": 1}])])
def test_map_of_nothing_and_of_an_object(
    workflows: Any, machine: Any, items: Any, expected: Any
) -> None:
    mapped = {"Type": "Map", "ItemProcessor": inside(machine, I={"Type": "Pass"})}
    arn = workflows.start(machine(M={**mapped, "ItemsPath": "$.i"}), {"i": items})
    assert json.loads(workflows.wait(arn)["output"]) == expected


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
