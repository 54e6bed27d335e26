"""What became of a reservation, by what model servers have said in their logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meguru.ledger_book import Opened
from meguru.usage_report import STARTED_FILTER, UsageReport, reservation_name


class EndpointLogs:
    """The log groups of the models' servers, by the model's name in the API."""

    def __init__(self, logs: Any, groups: Mapping[str, str]) -> None:
        self._logs, self._groups = logs, groups

    def usage(self, book: str, opened: Opened) -> tuple[int, int] | None:
        """The prompt and completion tokens of a reservation that has expired.

        None used, where its model's servers were heard in that time and never of this one. None
        where that can't be told: it began and they never said how it ended, or there is silence.
        """
        group = self._groups.get(opened.model)
        if group is None:
            return None
        name = reservation_name(book, opened.id)
        # Another's name may begin with this one, which a pattern can't tell.
        found = self._lines(group, f'"id={name}"', opened)
        lines = [line for line in found if f"id={name}" in line.split()]
        for line in lines:
            if report := UsageReport.read(line):
                return report.prompt_tokens, report.completion_tokens
        if lines:
            return None
        return next(((0, 0) for _ in self._lines(group, STARTED_FILTER, opened)), None)

    def _lines(self, group: str, pattern: str, opened: Opened) -> Iterator[str]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            filterPattern=pattern,
            startTime=opened.made_at * 1000,
            endTime=opened.expires_at * 1000,
        )
        return (event["message"] for page in pages for event in page["events"])
