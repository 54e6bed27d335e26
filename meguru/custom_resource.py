"""What a custom resource's function answers CloudFormation."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

ANSWER_SECONDS = 30


def answer_event(event: Mapping[str, Any], physical_id: str, failure: str = "") -> None:
    """Tell CloudFormation that the event is done, or why it can't be.

    `physical_id` is the resource's from its creation on. Source: AWS CloudFormation User Guide,
    "Custom resource response objects".
    """
    answer = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": failure[:1000],
        "PhysicalResourceId": event.get("PhysicalResourceId", physical_id),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # The address is signed for a request without a content type.
    request = urllib.request.Request(
        event["ResponseURL"],
        json.dumps(answer).encode(),
        {"Content-Type": ""},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
        pass
