"""Checks of a Map state: its processor, its items, its batches and its result writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.workflows import fields, jsonata_queries
from localcloud.workflows.field_checks import check_expressions, check_template
from localcloud.workflows.fields import JSONATA
from localcloud.workflows.problems import Problems

DISTRIBUTED_ONLY = ("ItemReader", "ItemBatcher", "ResultWriter", "Label")
MAX_LABEL = 40
READER_TYPES = ("CSV", "JSON", "JSONL")
_DELIMITERS = ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
_MOST = 100_000_000
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
    express: bool


def check_map(state: dict[str, Any], language: str, location: str, to: Problems) -> Processor:
    """Report what is wrong with a Map state apart from its processor's states."""
    to.exactly_one(state, ("ItemProcessor", "Iterator"), location)
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    place = f"{location}/{field}"
    machine = to.object(state.get(field, {}), place)
    to.unknown_fields(machine, fields.ITEM_PROCESSOR, place)
    inline = _check_config(machine, f"{place}/ProcessorConfig", to)
    if inline:
        for name in DISTRIBUTED_ONLY:
            if name in state:
                to.add(location, f"'{name}' needs a ProcessorConfig of Mode DISTRIBUTED")
    to.only_one(state, ("ItemSelector", "Parameters"), location)
    _check_items(state, language, location, to)
    _check_label(state.get("Label", "label"), location, to)
    if "ItemReader" in state:
        _check_reader(to.object(state["ItemReader"], location), language, location, to)
    if "ItemBatcher" in state:
        _check_batcher(to.object(state["ItemBatcher"], location), language, location, to)
    if "ResultWriter" in state:
        _check_writer(to.object(state["ResultWriter"], location), language, location, to)
    express = not inline and machine["ProcessorConfig"].get("ExecutionType") == "EXPRESS"
    return Processor(machine, place, inline, express)


def _check_config(machine: dict[str, Any], location: str, to: Problems) -> bool:
    config = to.object(machine.get("ProcessorConfig", {}), location)
    mode = config.get("Mode", "INLINE")
    distributed = bool(mode == "DISTRIBUTED")
    to.unknown_fields(config, {"Mode", *(["ExecutionType"] if distributed else [])}, location)
    to.one_of(mode, ("INLINE", "DISTRIBUTED"), f"{location}/Mode")
    if distributed and to.required(config, ("ExecutionType",), location):
        kind = config["ExecutionType"]
        to.one_of(kind, ("STANDARD", "EXPRESS"), f"{location}/ExecutionType")
    return not distributed


def _check_label(label: Any, location: str, to: Problems) -> None:
    place = f"{location}/Label"
    if to.string(label, place) and not 1 <= len(label) <= MAX_LABEL:
        limit = f"exceeds the {MAX_LABEL}-character limit allowed by the service"
        message = f"Label name '{label}' {limit}" if label else "Value cannot be empty"
        to.add(place, message, "INVALID_LABEL_NAME")


def _check_items(state: dict[str, Any], language: str, location: str, to: Problems) -> None:
    items = state.get("Items")
    if language != JSONATA or "Items" not in state:
        return
    if not isinstance(items, list | dict) and not jsonata_queries.is_expression(items):
        to.add(f"{location}/Items", "Expected an array, an object or a JSONata expression")
    if "ItemReader" in state:
        to.only_one(state, ("Items", "ItemReader"), location)


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
        if not given.keys() & {"Bucket", "Bucket.$"}:
            to.add(place, "The field 'Bucket' is required but missing")
    elif language != JSONATA or not jsonata_queries.is_expression(given):
        to.add(place, "Expected an object with the Bucket and the Key or Prefix")


def _check_reader(reader: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ItemReader"
    to.unknown_fields(reader, {"Resource", "Parameters", "Arguments", "ReaderConfig"}, place)
    _check_s3(reader, language, place, to)
    action = str(reader.get("Resource", "")).partition(":states:::s3:")[2]
    if action not in {"listObjectsV2", "getObject"}:
        message = "The field 'Resource' does not match any of the allowed values"
        to.add(f"{place}/Resource", message)
    config = to.object(reader.get("ReaderConfig", {}), place)
    to.unknown_fields(config, _READER_CONFIG, f"{place}/ReaderConfig")
    place = f"{place}/ReaderConfig"
    if action == "getObject":
        to.one_of(config.get("InputType"), READER_TYPES, f"{place}/InputType")
    to.one_of(config.get("CSVDelimiter", "COMMA"), _DELIMITERS, f"{place}/CSVDelimiter")
    _check_limits(config, {"MaxItems"}, language, place, to)
    if not isinstance(config.get("ItemsPointer", ""), str):
        to.add(f"{place}/ItemsPointer", "Expected a JSON Pointer")
    _check_csv(config, place, to)


def _check_csv(config: dict[str, Any], location: str, to: Problems) -> None:
    if config.get("InputType") != "CSV":
        of_csv = {"CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"}
        to.unknown_fields(config, config.keys() - of_csv, location)
        return
    if "CSVHeaderLocation" not in config:
        to.add(location, "The field 'CSVHeaderLocation' is required")
        return
    header = config["CSVHeaderLocation"]
    to.one_of(header, ("FIRST_ROW", "GIVEN"), f"{location}/CSVHeaderLocation")
    names = config.get("CSVHeaders", [""])
    if not all(isinstance(name, str) for name in to.array(names, f"{location}/CSVHeaders")):
        to.add(f"{location}/CSVHeaders", "Expected the columns' names")
    if header == "GIVEN":
        to.required(config, ("CSVHeaders",), location)
    elif "CSVHeaders" in config:
        to.unknown_fields(config, config.keys() - {"CSVHeaders"}, location)


def _check_batcher(batcher: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ItemBatcher"
    limits = {"MaxItemsPerBatch", "MaxInputBytesPerBatch"}
    path_limits = set() if language == JSONATA else {f"{name}Path" for name in limits}
    to.unknown_fields(batcher, {"BatchInput", *limits, *path_limits}, place)
    if not batcher.keys() & (limits | path_limits):
        to.add(place, "Needs MaxItemsPerBatch or MaxInputBytesPerBatch")
    _check_limits(batcher, limits, language, place, to)
    if language == JSONATA:
        check_expressions(batcher, place, to)
    else:
        check_template(batcher.get("BatchInput"), f"{place}/BatchInput", to)


def _check_limits(
    node: dict[str, Any], names: set[str], language: str, location: str, to: Problems
) -> None:
    """Positive integers, or expressions for them."""
    for name in names & node.keys():
        value = node[name]
        if language == JSONATA and jsonata_queries.is_expression(value):
            to.attempt(jsonata_queries.check, value, f"{location}/{name}")
        else:
            to.integer(value, 0 if name == "MaxItems" else 1, _MOST, f"{location}/{name}")


def _check_writer(writer: dict[str, Any], language: str, location: str, to: Problems) -> None:
    place = f"{location}/ResultWriter"
    known = {"Resource", "Parameters", "Arguments", "WriterConfig"}
    to.unknown_fields(writer, known, place)
    config = to.object(writer.get("WriterConfig", {}), f"{place}/WriterConfig")
    to.unknown_fields(config, {"OutputType", "Transformation"}, f"{place}/WriterConfig")
    output_type, transformation = (
        config.get("OutputType", "JSON"),
        config.get("Transformation", "NONE"),
    )
    to.one_of(output_type, ("JSON", "JSONL"), f"{place}/WriterConfig/OutputType")
    known_transformations = ("NONE", "COMPACT", "FLATTEN")
    to.one_of(transformation, known_transformations, f"{place}/WriterConfig/Transformation")
    if config and "Resource" not in writer:
        return
    if not str(writer.get("Resource", "")).endswith(":states:::s3:putObject"):
        to.add(f"{place}/Resource", "Expected arn:aws:states:::s3:putObject")
    _check_s3(writer, language, place, to)
