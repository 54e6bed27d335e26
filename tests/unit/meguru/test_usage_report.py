"""A model server's line comes back as it was written, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from meguru.usage_report import UsageReport, request_attributes, reservation_of


def test_reservation_goes_there_and_back() -> None:
    attributes = request_attributes("consumer#経理/1#2026-11", "chatcmpl-1/2")
    assert attributes.isascii() and " " not in attributes
    reservation = reservation_of(attributes)
    assert reservation is not None
    report = UsageReport.read(UsageReport(reservation, 12, 30).line())
    assert report is not None
    assert (report.book, report.reservation_id) == ("consumer#経理/1#2026-11", "chatcmpl-1/2")
    assert (report.prompt_tokens, report.completion_tokens) == (12, 30)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "INFO event=usage id=a/b prompt_tokens=1 completion_tokens=2",
        "event=usage id=a/b prompt_tokens=1 completion_tokens=2 more",
        "event=usage id=a b prompt_tokens=1 completion_tokens=2",
        "event=usage id=a/b prompt_tokens=-1 completion_tokens=2",
        "event=usage id=a/b prompt_tokens=１ completion_tokens=2",
        "event=usage id=a/b prompt_tokens=1 completion_tokens=9999999999",
    ],
)
def test_no_report(line: str) -> None:
    assert UsageReport.read(line) is None


@pytest.mark.parametrize("attributes", ["", "other=1", "reservation=", "reservation=a b"])
def test_no_reservation(attributes: str) -> None:
    assert reservation_of(attributes) is None
