"""Checks of a Map state: its processor, its items, its batches and its result writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.workflows import fields, json_values, jsonata_queries
from localcloud.workflows.field_checks import check_expressions, check_template
from localcloud.workflows.fields import JSONATA
from localcloud.workflows.problems import Problems

DISTRIBUTED_ONLY = ("ItemReader", "ItemBatcher", "ResultWriter", "Label")
READER_TYPES = {"CSV", "JSON", "JSONL"}
_DELIMITERS = {"COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"}
_READER_CONFIG = {
    "InputType",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "MaxItems",
    "MaxItemsPath",
    "ItemsPointer",
}


@dataclass(frozen=True)
class Processor:
    """The machine that each item goes through, and where it stands in the definition."""

    machine: dict[str, Any]
    location: str
    inline: bool


def check_map(state: dict[str, Any], language: str, location: str, to: Problems) -> Processor:
    """Report what is wrong with a Map state apart from its processor's states."""
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    place = f"{location}/{field}"
    machine = to.object(state.get(field), place)
    known = fields.ITEM_PROCESSOR if field == "ItemProcessor" else fields.BRANCH
    to.unknown_fields(machine, known, place)
    inline = _check_config(machine, f"{place}/ProcessorConfig", to)
    if inline:
        for name in DISTRIBUTED_ONLY:
            if name in state:
                to.add(location, f"'{name}' needs a ProcessorConfig of Mode DISTRIBUTED")
    if {"ItemSelector", "Parameters"} <= state.keys():
        to.add(location, "Only one of 'ItemSelector' and 'Parameters' can be given")
    _check_items(state, language, location, to)
    if "ItemReader" in state:
        _check_reader(to.object(state["ItemReader"], location), language, location, to)
    if "ItemBatcher" in state:
        _check_batcher(to.object(state["ItemBatcher"], location), language, location, to)
    if "ResultWriter" in state:
        _check_writer(to.object(state["ResultWriter"], location), language, location, to)
    return Processor(machine, place, inline)


def _check_config(machine: dict[str, Any], location: str, to: Problems) -> bool:
    config = to.object(machine.get("ProcessorConfig", {}), location)
    to.unknown_fields(config, {"Mode", "ExecutionType"}, location)
    mode = config.get("Mode", "INLINE")
    if mode not in {"INLINE", "DISTRIBUTED"}:
        to.add(f"{location}/Mode", "Expected 'INLINE' or 'DISTRIBUTED'")
    if mode == "DISTRIBUTED" and config.get("ExecutionType") not in {"STANDARD", "EXPRESS"}:
        to.add(f"{location}/ExecutionType", "Expected 'STANDARD' or 'EXPRESS'")
    return bool(mode != "DISTRIBUTED")


def _check_items(state: dict[str, Any], language: str, location: str, to: Problems) -> None:
    items = state.get("Items")
    if language != JSONATA or "Items" not in state:
        return
    if not isinstance(items, list | dict) and not jsonata_queries.is_expression(items):
        to.add(f"{location}/Items", "Expected an array, an object or a JSONata expression")
    if "ItemReader" in state:
        to.add(location, "Only one of 'Items' and 'ItemReader' can be given")


def _check_s3(node: dict[str, Any], language: str, location: str, to: Problems) -> None:
    """The parameters with which a reader or writer calls S3."""
    field = "Arguments" if language == JSONATA else "Parameters"
    place = f"{location}/{field}"
    given = node.get(field)
    if language == JSONATA:
        check_expressions(given, place, to)
    else:
        check_template(given, place, to)
    if isinstance(given, dict):
        to.unknown_fields(
            {key.removesuffix(".$"): None for key in given},
            {"Bucket", "Key", "Prefix", "VersionId", "ExpectedBucketOwner"},
            place,
        )
    elif not jsonata_queries.is_expression(given):
        to.add(place, "Expected an object with the Bucket and the Key or Prefix")


def _check_reader(reader: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ItemReader"
    to.unknown_fields(reader, {"Resource", "Parameters", "Arguments", "ReaderConfig"}, place)
    _check_s3(reader, language, place, to)
    action = str(reader.get("Resource", "")).partition(":states:::s3:")[2]
    if action not in {"listObjectsV2", "getObject"}:
        to.add(f"{place}/Resource", "Expected arn:aws:states:::s3:listObjectsV2 or …:s3:getObject")
    config = to.object(reader.get("ReaderConfig", {}), place)
    to.unknown_fields(config, _READER_CONFIG, f"{place}/ReaderConfig")
    if action == "getObject" and config.get("InputType") not in READER_TYPES:
        kinds = ", ".join(sorted(READER_TYPES))
        to.add(f"{place}/ReaderConfig/InputType", f"Expected one of {kinds}")
    if config.get("CSVDelimiter", "COMMA") not in _DELIMITERS:
        to.add(f"{place}/ReaderConfig/CSVDelimiter", f"Expected one of {sorted(_DELIMITERS)}")
    _check_csv(config, f"{place}/ReaderConfig", to)


def _check_csv(config: dict[str, Any], location: str, to: Problems) -> None:
    if config.get("InputType") != "CSV":
        return
    header = config.get("CSVHeaderLocation")
    if header not in {"FIRST_ROW", "GIVEN"}:
        to.add(f"{location}/CSVHeaderLocation", "Expected 'FIRST_ROW' or 'GIVEN'")
    if (header == "GIVEN") != ("CSVHeaders" in config):
        to.add(f"{location}/CSVHeaders", "Given exactly when CSVHeaderLocation is 'GIVEN'")


def _check_batcher(batcher: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ItemBatcher"
    limits = {"MaxItemsPerBatch", "MaxInputBytesPerBatch"}
    path_limits = set() if language == JSONATA else {f"{name}Path" for name in limits}
    to.unknown_fields(batcher, {"BatchInput", *limits, *path_limits}, place)
    if not batcher.keys() & (limits | path_limits):
        to.add(place, "Needs MaxItemsPerBatch or MaxInputBytesPerBatch")
    for name in limits & batcher.keys():
        value = batcher[name]
        computed = language == JSONATA and jsonata_queries.is_expression(value)
        if not computed and (not json_values.is_integer(value) or value < 1):
            to.add(f"{place}/{name}", "Expected a positive integer")
    if language == JSONATA:
        check_expressions(batcher, place, to)
    else:
        check_template(batcher.get("BatchInput"), f"{place}/BatchInput", to)


def _check_writer(writer: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ResultWriter"
    known = {"Resource", "Parameters", "Arguments", "WriterConfig"}
    to.unknown_fields(writer, known, place)
    config = to.object(writer.get("WriterConfig", {}), f"{place}/WriterConfig")
    to.unknown_fields(config, {"OutputType", "Transformation"}, f"{place}/WriterConfig")
    if config.get("OutputType", "JSON") not in {"JSON", "JSONL"}:
        to.add(f"{place}/WriterConfig/OutputType", "Expected 'JSON' or 'JSONL'")
    if config.get("Transformation", "NONE") not in {"NONE", "COMPACT", "FLATTEN"}:
        to.add(f"{place}/WriterConfig/Transformation", "Expected NONE, COMPACT or FLATTEN")
    if config and "Resource" not in writer:
        return
    if not str(writer.get("Resource", "")).endswith(":states:::s3:putObject"):
        to.add(f"{place}/Resource", "Expected arn:aws:states:::s3:putObject")
    _check_s3(writer, language, place, to)
