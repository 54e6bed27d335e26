"""A custom resource's handler under CDK's provider framework."""

from __future__ import annotations

from typing import Any


def on_event(event: dict[str, Any], context: object) -> dict[str, Any]:
    properties = event["ResourceProperties"]
    number = f"{properties['Shelves']}-{properties['Open']}"
    return {"PhysicalResourceId": "certificate", "Data": {"Number": number}}
