"""What a model server says of each answer, in its log, of which the ledger hears in any case.

The request names the reservation it is made under; the line comes back when generation has ended,
however it did. So a reservation whose worker died is settled to what its model has used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

_RESERVATION = "reservation="
_LINE = re.compile(
    r"event=usage id=([!-~]{1,900}) prompt_tokens=(\d{1,9}) completion_tokens=(\d{1,9})\s*",
    re.ASCII,
)
# What CloudWatch Logs looks for in the lines of model servers.
LOG_FILTER = '"event=usage"'
STARTED_FILTER = '"event=started"'


def request_attributes(book: str, reservation_id: str) -> str:
    """`CustomAttributes` of a request: SageMaker hands them on to the model server."""
    return f"{_RESERVATION}{quote(book)}/{quote(reservation_id, safe='')}"


def reservation_name(book: str, reservation_id: str) -> str:
    """How a model server calls a reservation."""
    return request_attributes(book, reservation_id).removeprefix(_RESERVATION)


def reservation_of(attributes: str) -> str | None:
    """The reservation that a request's attributes name; None where they name none."""
    name = attributes.removeprefix(_RESERVATION)
    is_named = attributes.startswith(_RESERVATION) and re.fullmatch(r"[!-~]{1,900}", name)
    return name if is_named else None


def started_line(reservation: str) -> str:
    """What a server says before it does anything for a reservation: without it, it hasn't."""
    return f"event=started id={reservation}"


@dataclass(frozen=True)
class UsageReport:
    """The tokens that were read and generated for a reservation."""

    reservation: str
    prompt_tokens: int
    completion_tokens: int

    def line(self) -> str:
        return (
            f"event=usage id={self.reservation} prompt_tokens={self.prompt_tokens} "
            f"completion_tokens={self.completion_tokens}"
        )

    @classmethod
    def read(cls, line: str) -> UsageReport | None:
        """The report that a line is, as a whole; None for any other line."""
        found = _LINE.fullmatch(line)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    @property
    def book(self) -> str:
        return unquote(self.reservation.rpartition("/")[0])

    @property
    def reservation_id(self) -> str:
        return unquote(self.reservation.rpartition("/")[2])
