"""The items of a Map state: from its input or from S3, selected and batched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.branch import Visit
from localcloud.workflows.data_flow import DataFlow
from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations.calls import Caller
from localcloud.workflows.integrations.resource import parse

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}

Value = tuple[str | None, Any]  # the key, where an object's members are gone through


@dataclass(frozen=True)
class Item:
    """What one iteration gets. `context` is `Map.Item` of the Context object.

    `count` is how many items a batch holds.
    """

    input: Any
    context: dict[str, Any]
    count: int = 1


def items_of(values: list[Value], visit: Visit, flow: DataFlow) -> list[Item]:
    """The items of a Map state that goes through the values, ready to run."""
    items = []
    for index, (key, value) in enumerate(values):
        item = {"Index": index, **({} if key is None else {"Key": key}), "Value": value}
        context = {**visit.context, "Map": {"Item": item}}
        items.append(Item(flow.item_input(value, context), item))
    if "ItemBatcher" in visit.state:
        return _batches([item.input for item in items], visit.state["ItemBatcher"], flow)
    return items


def values(found: Any, flow: DataFlow, distributed: bool) -> list[Value]:
    """The values of an array or, in a distributed Map, of an object, each with its key."""
    if isinstance(found, list):
        return [(None, value) for value in found]
    if isinstance(found, dict) and distributed:
        return [(key, {"Key": key, "Value": value}) for key, value in found.items()]
    raise flow.mistyped("Items", "array", found)


def _batches(inputs: list[Any], batcher: dict[str, Any], flow: DataFlow) -> list[Item]:
    at = "ItemBatcher/"
    most = flow.integer("MaxItemsPerBatch", 1, batcher, at=at) or len(inputs)
    limit = flow.integer("MaxInputBytesPerBatch", 1, batcher, at=at)
    limit = limit or json_values.MAX_PAYLOAD_BYTES
    extra = {}
    if "BatchInput" in batcher:
        extra = {"BatchInput": flow.template(batcher["BatchInput"], f"{at}BatchInput")}
    batches = [{**extra, "Items": batch} for batch in _split(inputs, most, limit)]
    return [
        Item(batch, {"Index": index, "Value": batch}, len(batch["Items"]))
        for index, batch in enumerate(batches)
    ]


def _split(inputs: list[Any], most: int, limit: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    used = 0
    for value in inputs:
        size = json_values.size(value)
        if batch and (len(batch) == most or used + size > limit):
            yield batch
            batch, used = [], 0
        batch.append(value)
        used += size
    if batch:
        yield batch


def read(visit: Visit, flow: DataFlow) -> list[Value]:
    """The values in S3 that the ItemReader names; States.ItemReaderFailed when it can't."""
    reader = visit.state["ItemReader"]
    field = "Parameters" if "Parameters" in reader else "Arguments"
    arguments = flow.template(reader.get(field), f"ItemReader/{field}")
    action = reader["Resource"].rpartition(":")[2]
    resource = parse(f"arn:aws:states:::aws-sdk:s3:{action}")
    caller = Caller(resource, visit.environment.client, visit.cancellation)
    config = reader.get("ReaderConfig", {})
    most = _max_items(config, flow)
    try:
        if action == "listObjectsV2":
            found: Any = _list_objects(arguments, caller)
        else:
            body = caller.call("GetObject", arguments)["Body"]
            found = _parse(body.decode("utf-8-sig"), config)
    except StateError as error:
        raise StateError("States.ItemReaderFailed", error.cause) from error
    except (ValueError, LookupError) as error:
        raise StateError("States.ItemReaderFailed", str(error)) from error
    if not isinstance(found, list | dict):
        cause = "Attempting to map over non-iterable node."
        raise StateError("States.ItemReaderFailed", cause)
    return values(found, flow, distributed=True)[: most or None]


def _max_items(config: dict[str, Any], flow: DataFlow) -> int:
    """How many items are taken at most; 0: all."""
    most = flow.field("MaxItems", config, "ItemReader/ReaderConfig/")
    if most is None:
        return 0
    if isinstance(most, float) and most.is_integer():
        most = int(most)
    if not json_values.is_integer(most):
        field = "MaxItemsPath" if "MaxItemsPath" in config else "MaxItems"
        cause = f"The {field} field refers to value '{most}' which is not a valid integer"
        raise StateError("States.ItemReaderFailed", f"{cause}: {config[field]}")
    if most < 0:
        raise StateError("States.ItemReaderFailed", "field MaxItems must be positive")
    return most


def _list_objects(arguments: dict[str, Any], caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        page = caller.call("ListObjectsV2", {**arguments, **token})
        found += [_object(entry) for entry in page.get("Contents", [])]
        if not page.get("IsTruncated"):
            return found
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _object(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "Etag": entry.get("ETag"),
        "Key": entry["Key"],
        "LastModified": int(entry["LastModified"].timestamp()),
        "Size": entry["Size"],
        "StorageClass": entry.get("StorageClass", "STANDARD"),
    }


def _parse(text: str, config: dict[str, Any]) -> Any:
    if config["InputType"] == "JSONL":
        return [json_values.from_text(line) for line in text.splitlines() if line.strip()]
    if config["InputType"] == "CSV":
        return _parse_csv(text, config)
    value = json_values.from_text(text)
    for step in config.get("ItemsPointer", "").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def _parse_csv(text: str, config: dict[str, Any]) -> list[dict[str, Any]]:
    delimiter = _DELIMITERS[config.get("CSVDelimiter", "COMMA")]
    given = config.get("CSVHeaders")
    rows = csv.DictReader(io.StringIO(text), fieldnames=given, delimiter=delimiter, restval="")
    names = rows.fieldnames or []
    if len(set(names)) < len(names):
        raise ValueError("CSV headers cannot contain duplicates.")
    return [{name: value for name, value in row.items() if name is not None} for row in rows]
