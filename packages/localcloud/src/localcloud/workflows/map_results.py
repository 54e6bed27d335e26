"""Results of a distributed Map: written to S3 as its ResultWriter says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.workflows import json_values, timestamps
from localcloud.workflows.branch import Visit
from localcloud.workflows.data_flow import DataFlow
from localcloud.workflows.errors import StateError
from localcloud.workflows.execution import Execution
from localcloud.workflows.integrations.calls import Caller
from localcloud.workflows.integrations.resource import parse
from localcloud.workflows.integrations.service_names import pascal_name
from localcloud.workflows.map_items import Item


@dataclass(frozen=True)
class ItemResult:
    """How one item ended: with an output, or with an error."""

    item: Item
    output: Any
    error: StateError | None
    child: Execution | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The item's child execution as the result files describe it."""
        assert self.child is not None
        return {pascal_name(name): _text(value) for name, value in self.child.description.items()}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return timestamps.to_text(value)
    if isinstance(value, dict):
        return {pascal_name(name): item for name, item in value.items()}
    return value


def finish(
    results: Sequence[ItemResult], visit: Visit, flow: DataFlow, run_arn: str | None
) -> dict[str, Any] | list[Any]:
    """What the Map state returns: its outputs, or where its ResultWriter has put them."""
    writer = visit.state.get("ResultWriter")
    succeeded = [result for result in results if result.error is None]
    if writer is None or run_arn is None:
        return [result.output for result in succeeded]
    config = writer.get("WriterConfig", {})
    transformed = _transform(succeeded, config.get("Transformation", "NONE"))
    if "Resource" not in writer:
        return transformed
    failed = [result.record for result in results if result.error is not None]
    field = "Parameters" if "Parameters" in writer else "Arguments"
    target = flow.template(writer.get(field), f"ResultWriter/{field}")
    resource = parse("arn:aws:states:::aws-sdk:s3:putObject")
    caller = Caller(resource, visit.environment.client, visit.cancellation)
    files = _Files(target, run_arn, config.get("OutputType", "JSON"), caller)
    return files.write({"SUCCEEDED": transformed, "FAILED": failed, "PENDING": []})


def _transform(succeeded: Sequence[ItemResult], transformation: str) -> list[Any]:
    """NONE keeps each child's description, COMPACT its output, FLATTEN joins arrays."""
    if transformation == "NONE":
        return [result.record for result in succeeded]
    outputs = [result.output for result in succeeded]
    if transformation == "COMPACT":
        return outputs
    return [
        value for output in outputs for value in (output if isinstance(output, list) else [output])
    ]


class _Files:
    """The result files of one Map Run, under `Prefix/<run>/`."""

    def __init__(
        self, target: dict[str, Any], run_arn: str, output_type: str, caller: Caller
    ) -> None:
        self._bucket, self._run_arn, self._caller = target["Bucket"], run_arn, caller
        run = run_arn.rpartition(":")[2]
        self._prefix = f"{target['Prefix']}/{run}" if target.get("Prefix") else run
        self._output_type = output_type

    def write(self, results: dict[str, list[Any]]) -> dict[str, Any]:
        """Write the results by status, then manifest.json that names the files."""
        files = {
            status: [self._put(f"{status}_0.{self._output_type.lower()}", self._text(values))]
            if values
            else []
            for status, values in results.items()
        }
        manifest = {
            "DestinationBucket": self._bucket,
            "MapRunArn": self._run_arn,
            "ResultFiles": files,
        }
        key = self._put("manifest.json", json_values.to_text(manifest))["Key"]
        details = {"Bucket": self._bucket, "Key": key}
        return {"MapRunArn": self._run_arn, "ResultWriterDetails": details}

    def _text(self, values: list[Any]) -> str:
        if self._output_type == "JSONL":
            return "\n".join(json_values.to_text(value) for value in values)
        return json_values.to_text(values)

    def _put(self, name: str, text: str) -> dict[str, Any]:
        key, body = f"{self._prefix}/{name}", text.encode()
        try:
            request = {"Bucket": self._bucket, "Key": key, "Body": body}
            self._caller.call("PutObject", request)
        except StateError as error:
            raise StateError("States.ResultWriterFailed", str(error)) from error
        return {"Key": key, "Size": len(body)}
