"""An endpoint's hours: Japanese holidays by a library, and what makes no sense refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from meguru.hours import Hours
from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.hours import EndpointHours


def read(folder: Path, endpoint: str) -> EndpointHours:
    file = folder / "environment.yaml"
    file.write_text(f"name: acme\nmodels:\n  chat:\n    endpoint: {endpoint}\n")
    found = read_environment(file).models["chat"].endpoint.hours
    assert found is not None
    return found


def closed(hours: EndpointHours) -> tuple[str, ...]:
    return hours.of_endpoint("Asia/Tokyo", 1, 2026).closed


def test_japanese_holidays_with_their_substitutes(tmp_path: Path) -> None:
    found = closed(read(tmp_path, "{hours: {min_instances: 2}}"))
    # New Year, a substitute holiday, a day between two holidays, an equinox, a holiday of 2033.
    for day in ("20260101", "20260506", "20260922", "20290320", "20331103"):
        assert day in found
    # A Saturday: no business day in any case.
    assert "20281223" not in found and "20270501" not in found


def test_other_countries_none_and_own_days(tmp_path: Path) -> None:
    assert closed(read(tmp_path, "{hours: {holidays: none, min_instances: 2}}")) == ()
    german = closed(read(tmp_path, "{hours: {holidays: DE, min_instances: 2}}"))
    assert "20261225" in german and "20260506" not in german
    own = read(tmp_path, '{hours: {holidays: none, min_instances: 2, closed: ["12-29"]}}')
    assert closed(own) == ("1229",)


def test_a_function_holds_what_it_is_told(tmp_path: Path) -> None:
    text = (
        read(tmp_path, "{hours: {min_instances: 2}}").of_endpoint("Asia/Tokyo", 1, 2026).as_json()
    )
    # Lambda's environment variables have 4 KB together.
    assert len(text) < 2500
    assert Hours.from_json(text).min_instances == 1


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("{hours: night}", "hours: business, or keys and values (it is 'night')"),
        ("{hours: business}", "hours: changes nothing: say there, or in peaks, more min_instances"),
        ("{hours: {min_instances: 3}}", "wants 3 instances, more than max_instances, which is 2"),
        ('{hours: {from: "20:00", to: "08:00"}}', "hours.to: after 20:00, which is from"),
        ('{hours: {from: "8:00"}}', "hours.from: a time from 00:00 to 23:59 in quotation marks"),
        ('{hours: {closed: ["02-30"]}}', "hours.closed.0: a date in quotation marks"),
        ("{hours: {holidays: XX}}", "hours.holidays: a country by its two letters"),
        ("{hours: {peaks: [{month_days: [31], min_instances: 2}]}}", "from 1 to 30, or last"),
        ("{hours: {days: [MONDAY]}}", "hours.days.0: one of 'MON'"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, endpoint: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, endpoint)
    assert said in str(refused.value)
    assert str(refused.value).count("\n") == 0
