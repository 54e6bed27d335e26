"""What a model server says of its load, in its log, by which its endpoint is scaled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from meguru.names import METRIC_NAMESPACE

LOAD_EVENT = "load"
TOKENS_METRIC = "TokensInFlight"


def load_namespace(endpoint_name: str) -> str:
    """The namespace of an endpoint's own metrics: what is measured of one has no dimensions."""
    return f"{METRIC_NAMESPACE}/{endpoint_name}"


@dataclass(frozen=True)
class LoadReport:
    """Requests that wait or are answered, and the tokens that they have together by now."""

    requests_in_flight: int
    tokens_in_flight: int

    def line(self) -> str:
        """JSON, of which CloudWatch Logs makes a metric."""
        return json.dumps({"event": LOAD_EVENT, **asdict(self)})
