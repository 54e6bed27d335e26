"""An endpoint's hours: when more of its instances are wanted than at any time."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

import holidays
from pydantic import BeforeValidator, Field, model_validator

from meguru.hours import Hours, Span
from stacks.environment.refusals import only, refusal, refusals
from stacks.environment.section import Settings
from stacks.environment.values import InstanceCount, matches

# Known ahead at a deployment: every one renews them.
NUM_YEARS = 8
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
# Laws name days of the month up to here; the last business day has a word of its own.
_LAST_DAY = 30
_LAST = 31
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_START = matches(_CLOCK)
_END = matches(rf"{_CLOCK}|24:00")
_SAID = 'in quotation marks, such as "08:30"'
StartTime = Annotated[str, only(_START, f"a time from 00:00 to 23:59 {_SAID}")]
EndTime = Annotated[str, only(_END, f"a time up to 24:00 {_SAID}")]
Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
Country = Annotated[
    str,
    only(
        lambda code: code == "none" or code in holidays.list_supported_countries(),
        "a country by its two letters, such as JP, or none",
    ),
]


def _check_closed(value: object) -> object:
    if not isinstance(value, str) or not _is_date(value):
        raise refusal('a date in quotation marks, such as "2026-08-13", or "12-29" for every year')
    return value


def _is_date(text: str) -> bool:
    # A leap year has all days that any year has.
    whole = text if len(text) > len("12-29") else f"2028-{text}"
    try:
        return date.fromisoformat(whole).isoformat() == whole
    except ValueError:
        return False


def _check_month_day(value: object) -> object:
    if value == "last":
        return _LAST
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LAST_DAY:
        raise refusal(f"a day of the month from 1 to {_LAST_DAY}, or last")
    return value


ClosedDay = Annotated[str, BeforeValidator(_check_closed)]
MonthDay = Annotated[int, BeforeValidator(_check_month_day)]


class _TimeSpan(Settings):
    """From a time until another one of the same day."""

    start: StartTime = Field(default="08:00", alias="from")
    end: EndTime = Field(default="20:00", alias="to")

    @model_validator(mode="after")
    def check_order(self) -> Self:
        if self.start >= self.end:
            raise refusals({"to": f"after {self.start}, which is from"}, {"to": self.end})
        return self


class Peak(_TimeSpan):
    """When still more are wanted: on each business day, or on days of the month alone."""

    start: StartTime = Field(default="00:00", alias="from")
    end: EndTime = Field(default="24:00", alias="to")
    month_days: Annotated[list[MonthDay], Field(max_length=31)] = []
    min_instances: InstanceCount


class EndpointHours(_TimeSpan):
    """Business days and hours in the environment's time zone, and how many are wanted then.

    Holidays of the country in `holidays` are no business days, nor are the `closed` dates.
    """

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = [
        "MON",
        "TUE",
        "WED",
        "THU",
        "FRI",
    ]
    holidays: Country = "JP"
    closed: Annotated[list[ClosedDay], Field(max_length=60)] = []
    min_instances: InstanceCount | None = None
    peaks: Annotated[list[Peak], Field(max_length=10)] = []

    def of_endpoint(self, time_zone: str, min_instances: int, year: int) -> Hours:
        """The hours of an endpoint that has at least `min_instances` at all times.

        `year` is the first whose holidays are in them.
        """
        weekdays = tuple(sorted({_WEEKDAYS.index(day) for day in self.days}))
        return Hours(
            time_zone=time_zone,
            weekdays=weekdays,
            spans=(
                Span(self.start, self.end, self.floor(min_instances)),
                *(
                    Span(one.start, one.end, one.min_instances, tuple(one.month_days))
                    for one in self.peaks
                ),
            ),
            min_instances=min_instances,
            closed=(*_holidays(self.holidays, weekdays, year), *_without_signs(self.closed)),
        )

    def floor(self, min_instances: int) -> int:
        """The fewest within the hours."""
        return max(1, min_instances) if self.min_instances is None else self.min_instances

    def most(self, min_instances: int) -> int:
        """The most that are wanted at any time."""
        return max(self.floor(min_instances), *(one.min_instances for one in self.peaks), 0)


def _as_section(value: Any) -> Any:
    if value == "business":
        return {}
    if isinstance(value, str):
        raise refusal("business, or keys and values")
    return value


HoursSetting = Annotated[EndpointHours, BeforeValidator(_as_section)]


def _holidays(country: str, weekdays: tuple[int, ...], year: int) -> list[str]:
    """A country's holidays that fall on these days of the week."""
    if country == "none":
        return []
    found = holidays.country_holidays(country, years=range(year, year + NUM_YEARS))
    return [f"{day:%Y%m%d}" for day in sorted(found) if day.weekday() in weekdays]


def _without_signs(dates: list[str]) -> list[str]:
    return [one.replace("-", "") for one in dates]
