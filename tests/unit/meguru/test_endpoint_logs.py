"""What is heard of a reservation in a model server's log, and what silence means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meguru.endpoint_logs import EndpointLogs
from meguru.ledger_book import LIFETIME_SECONDS, Opened
from meguru.usage_report import UsageReport, reservation_name, started_line

BOOK, EXPIRES = "consumer#app#2026-11", 10_000
NAME = reservation_name(BOOK, "mine")
OTHER = reservation_name(BOOK, "other")


class FakeLogs:
    """Lines of a group, and the requests for them."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.requests = lines, list[dict[str, Any]]()

    def get_paginator(self, operation: str) -> FakeLogs:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(request)
        text = request["filterPattern"].strip('"')
        yield {"events": []}
        yield {"events": [{"message": line} for line in self.lines if text in line]}


@pytest.mark.parametrize(
    ("lines", "usage"),
    [
        ([started_line(NAME), UsageReport(NAME, 4, 5).line()], (4, 5)),
        ([started_line(NAME)], None),
        ([started_line(OTHER), UsageReport(OTHER, 4, 5).line()], (0, 0)),
        # Of one whose name begins with this one's.
        ([started_line(f"{NAME}-2"), UsageReport(f"{NAME}-2", 4, 5).line()], (0, 0)),
        ([], None),
        (["Traceback: event of another kind"], None),
    ],
)
def test_usage(lines: list[str], usage: tuple[int, int] | None) -> None:
    logs = FakeLogs(lines)
    opened = Opened("mine", EXPIRES, 100, 0, "27", 0, "chat")
    assert EndpointLogs(logs, {"chat": "group"}).usage(BOOK, opened) == usage
    for request in logs.requests:
        assert request["logGroupName"] == "group"
        assert request["startTime"] == (EXPIRES - LIFETIME_SECONDS) * 1000
        assert request["endTime"] == EXPIRES * 1000
    assert EndpointLogs(logs, {}).usage(BOOK, opened) is None
