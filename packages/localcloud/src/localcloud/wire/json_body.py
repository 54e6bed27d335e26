"""The body of a request that a person makes of the cloud itself."""

from __future__ import annotations

import json
from typing import Any

from moto.core.request import Request as WireRequest


def json_body(request: WireRequest) -> dict[str, Any]:
    """The JSON object that was sent. ValueError where the body is none."""
    try:
        body = json.loads(request.get_data())
    except ValueError as error:
        raise ValueError(f"the body must be JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body
