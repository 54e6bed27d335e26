"""What the control plane's operations share: the state, and how records are found and listed."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from localcloud.calls import Request, Response
from localcloud.http_api.state import RestApi, State, require
from localcloud.service import Service


class ControlPlane(Service):
    """API Gateway's state and the look-ups its operations start with."""

    service_name = "apigateway"
    state: State

    def api(self, request: Request) -> RestApi:
        """The API a request names, or NotFoundException."""
        api_id = request["restApiId"]
        found: RestApi = require(
            self.state.apis,
            api_id,
            f"Invalid API identifier specified {self.account.id}:{api_id}",
        )
        return found


def members(request: Request, *names: str) -> dict[str, Any]:
    """The named members that the request has, copied."""
    return {name: copy.deepcopy(request[name]) for name in names if request.get(name) is not None}


def page(request: Request, items: Iterable[dict[str, Any]]) -> Response:
    """One page of a listing; `position` is the number of items before it."""
    records = list(items)
    start, limit = int(request.get("position") or 0), int(request.get("limit") or 500)
    response: Response = {"items": copy.deepcopy(records[start : start + limit])}
    if start + limit < len(records):
        response["position"] = str(start + limit)
    return response
