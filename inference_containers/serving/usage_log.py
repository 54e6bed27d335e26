"""What a model server says in its log of a request that names a reservation, for the ledger."""

from __future__ import annotations

from meguru.usage_report import UsageReport, reservation_of, started_line


def begin(attributes: str) -> str | None:
    """The reservation that a request's attributes name, where they do; the log has its begin.

    Whoever doesn't say so has done nothing for it, and must not be charged.
    """
    reservation = reservation_of(attributes)
    if reservation:
        print(started_line(reservation), flush=True)
    return reservation


def report(reservation: str | None, prompt_tokens: int, completion_tokens: int) -> None:
    """Say what was used for a reservation, however its answer has ended."""
    if reservation:
        print(UsageReport(reservation, prompt_tokens, completion_tokens).line(), flush=True)
