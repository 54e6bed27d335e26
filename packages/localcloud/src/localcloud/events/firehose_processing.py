"""What Firehose does to a record before it is written: delimiter, partition keys, a function.

Sources: "Dynamic partitioning" and "Data transformation", Amazon Data Firehose Developer Guide.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jq

_KNOWN = ("AppendDelimiterToRecord", "Lambda", "MetadataExtraction")


@dataclass(frozen=True)
class Record:
    """One record; `partition` holds the values of its partition keys."""

    id: str
    data: bytes
    arrived_milliseconds: int
    partition: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spoilt:
    """A record that processing failed on, under the folder of its kind of error."""

    record: Record
    error_type: str
    code: str
    message: str


Invoke = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True)
class Processing:
    """A delivery stream's processors, checked."""

    function_arn: str | None = None
    query: Any = None
    delimiter: bytes = b""

    def run(
        self, records: list[Record], invoke: Invoke, stream_arn: str
    ) -> tuple[list[Record], list[Spoilt]]:
        """Processed records, less the dropped ones, and those that failed.

        `invoke(function_arn, event)` calls the function; what it raises is the caller's.
        """
        spoilt: list[Spoilt] = []
        if self.function_arn and records:
            event = _transformation_event(records, stream_arn)
            records, spoilt = _transformed(records, invoke(self.function_arn, event))
        good: list[Record] = []
        for record in records:
            kept = self._partitioned(record)
            if isinstance(kept, Spoilt):
                spoilt.append(kept)
            else:
                good.append(replace(kept, data=kept.data + self.delimiter))
        return good, spoilt

    def _partitioned(self, record: Record) -> Record | Spoilt:
        if self.query is None:
            return record
        kind, code = "metadata-extraction-failed", "DynamicPartitioning.MetadataExtractionFailed"
        try:
            found = self.query.input_value(json.loads(record.data)).first()
        except (ValueError, StopIteration) as error:
            return Spoilt(record, kind, code, str(error))
        if not isinstance(found, dict):
            return Spoilt(record, kind, code, "the query's result isn't an object")
        wrong = sorted(key for key, value in found.items() if value in (None, "", [], {}))
        if wrong:
            return Spoilt(record, kind, code, f"no value for {', '.join(wrong)}")
        keys = {key: _written(value) for key, value in found.items()}
        return replace(record, partition={**record.partition, **keys})


def parse_processing(configuration: dict[str, Any]) -> Processing:
    """From a ProcessingConfiguration; ValueError names what the cloud doesn't run."""
    settings: dict[str, Any] = {}
    if not configuration.get("Enabled", False):
        return Processing()
    for processor in configuration.get("Processors", []):
        kind = processor["Type"]
        parameters = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}
        if kind not in _KNOWN:
            raise ValueError(f"localcloud doesn't run the processor {kind}; it runs {_KNOWN}")
        if kind == "Lambda":
            settings["function_arn"] = _required(parameters, "LambdaArn", kind)
        elif kind == "MetadataExtraction":
            settings["query"] = _compiled(_required(parameters, "MetadataExtractionQuery", kind))
        else:
            delimiter = parameters.get("Delimiter", "\\n")
            settings["delimiter"] = delimiter.replace("\\n", "\n").encode()
    return Processing(**settings)


def _required(parameters: dict[str, str], name: str, kind: str) -> str:
    if name not in parameters:
        raise ValueError(f"the processor {kind} needs the parameter {name}")
    return parameters[name]


def _compiled(query: str) -> Any:
    try:
        return jq.compile(query)
    except ValueError as error:
        raise ValueError(f"MetadataExtractionQuery isn't a jq program: {error}") from error


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _transformation_event(records: list[Record], stream_arn: str) -> dict[str, Any]:
    return {
        "invocationId": records[0].id,
        "deliveryStreamArn": stream_arn,
        "region": stream_arn.split(":")[3],
        "records": [
            {
                "recordId": record.id,
                "approximateArrivalTimestamp": record.arrived_milliseconds,
                "data": base64.b64encode(record.data).decode(),
            }
            for record in records
        ],
    }


def _transformed(records: list[Record], answer: Any) -> tuple[list[Record], list[Spoilt]]:
    """The function's answer, matched with its records by their ids."""
    good: list[Record] = []
    spoilt: list[Spoilt] = []
    found = answer.get("records") if isinstance(answer, dict) else None
    by_id = {one.get("recordId"): one for one in found or [] if isinstance(one, dict)}
    for record in records:
        outcome = _outcome(record, by_id.get(record.id, {}))
        if isinstance(outcome, Spoilt):
            spoilt.append(outcome)
        elif outcome:
            good.append(outcome)
    return good, spoilt


def _outcome(record: Record, one: dict[str, Any]) -> Record | Spoilt | None:
    kind, code = "processing-failed", "Lambda.FunctionError"
    if one.get("result") == "Dropped":
        return None
    if one.get("result") != "Ok":
        return Spoilt(record, kind, code, f"the function's result was {one.get('result')}")
    try:
        data = base64.b64decode(one.get("data", ""), validate=True)
    except (ValueError, TypeError) as error:
        return Spoilt(record, kind, "Lambda.InvalidEncoding", str(error))
    keys = one.get("metadata", {}).get("partitionKeys", {})
    return replace(record, data=data, partition={str(k): str(v) for k, v in keys.items()})
