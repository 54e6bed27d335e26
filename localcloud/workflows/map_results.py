"""Results of a distributed Map: written to S3 as its ResultWriter says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.workflows import json_values
from localcloud.workflows.branch import Visit
from localcloud.workflows.data_flow import DataFlow
from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations.calls import Caller
from localcloud.workflows.integrations.resource import parse
from localcloud.workflows.map_items import Item


@dataclass(frozen=True)
class ItemResult:
    """How one item ended: with an output, or with an error."""

    item: Item
    output: Any
    error: StateError | None

    @property
    def record(self) -> dict[str, Any]:
        """The item's child execution as the result files describe it."""
        described = {"Input": json_values.to_text(self.item.input)}
        if self.error is None:
            return {**described, "Output": json_values.to_text(self.output), "Status": "SUCCEEDED"}
        return {**described, **self.error.output, "Status": "FAILED"}


def write(
    results: Sequence[ItemResult], visit: Visit, flow: DataFlow, run_arn: str
) -> dict[str, Any]:
    """Write manifest.json and the result files; what the Map state then returns."""
    writer = visit.state["ResultWriter"]
    target = flow.template(writer.get("Parameters", writer.get("Arguments")))
    prefix = "/".join(part for part in (target.get("Prefix"), run_arn.rpartition(":")[2]) if part)
    resource = parse("arn:aws:states:::aws-sdk:s3:putObject")
    caller = Caller(resource, visit.environment.client, visit.cancellation)
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    for status in ("SUCCEEDED", "FAILED"):
        records = [result.record for result in results if result.record["Status"] == status]
        if records:
            files[status] = [_put(records, target["Bucket"], f"{prefix}/{status}_0.json", caller)]
    manifest = {
        "DestinationBucket": target["Bucket"],
        "MapRunArn": run_arn,
        "ResultFiles": files,
    }
    _put(manifest, target["Bucket"], f"{prefix}/manifest.json", caller)
    details = {"Bucket": target["Bucket"], "Key": f"{prefix}/manifest.json"}
    return {"MapRunArn": run_arn, "ResultWriterDetails": details}


def _put(document: Any, bucket: str, key: str, caller: Caller) -> dict[str, Any]:
    body = json_values.to_text(document).encode()
    try:
        caller.call("PutObject", {"Bucket": bucket, "Key": key, "Body": body})
    except StateError as error:
        raise StateError("States.ResultWriterFailed", str(error)) from error
    return {"Key": key, "Size": len(body)}
