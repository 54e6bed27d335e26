"""Schedule expressions: what EventBridge refuses is said before anything is deployed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.environment.schedule import schedule_problem


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 18 ? * SAT *)",
        "cron(0/15 8-17 ? * MON-FRI *)",
        "cron(15,45 */2 1,15 JAN,jul ? 2026-2030)",
        "cron(0 0 L * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 29 2 ? *)",
        "cron(0 0 29 2 ? 2027-2028)",
        "cron(0 0 30 2,4 ? *)",
        "cron(0 0 30-1 2 ? *)",
        "cron(0 0 31 NOV-JAN ? *)",
        "cron(0 0 31 */2 ? *)",
        "cron(0 0 28/2 FEB ? *)",
        "cron(0 0 ? * 6L *)",
        "cron(0 0 ? * FRI#2 *)",
        "cron(0 0 ? * L *)",
        "rate(1 minute)",
        "rate(1 day)",
        "rate(12 hours)",
        "daily",
        "weekly",
    ],
)
def test_what_eventbridge_takes(expression: str) -> None:
    assert schedule_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("cron(nonsense)", "six fields (minutes, hours, day of month, month, day of week, year)"),
        ("cron(0 18 * * SAT *)", "? as exactly one of day of month and day of week"),
        ("cron(0 18 ? * ? *)", "? as exactly one of"),
        ("cron(60 18 ? * SAT *)", "cron's minutes can't be 60"),
        ("cron(0 24 ? * SAT *)", "cron's hours can't be 24"),
        ("cron(0 18 32 * ? *)", "cron's day of month can't be 32"),
        ("cron(0 18 0W * ? *)", "cron's day of month can't be 0W"),
        ("cron(0 18 ? 13 SAT *)", "cron's month can't be 13"),
        ("cron(0 18 ? * SOL *)", "cron's day of week can't be SOL"),
        ("cron(0 18 ? * 8L *)", "cron's day of week can't be 8L"),
        ("cron(0 18 ? * SAT#6 *)", "cron's day of week can't be SAT#6"),
        ("cron(0 18 ? * SAT 1969)", "cron's year can't be 1969"),
        ("cron(0/0 18 ? * SAT *)", "cron's minutes can't be 0/0"),
        ("cron(0 18 ? * SAT ?)", "cron's year can't be ?"),
        ("cron(0 0 30 2 ? *)", "no month has a day 30 (cron's month 2, year *)"),
        ("cron(0 0 31 4,6,SEP ? *)", "it would never come: no month has a day 3"),
        ("cron(0 0 31W FEB ? *)", "has a day 31W "),
        ("cron(0 0 30-31 FEB ? *)", "it would never come: no month has a day 3"),
        ("cron(0 0 31/2 4/24 ? *)", "it would never come: no month has a day 3"),
        ("cron(0 0 29 2 ? 2027)", "(cron's month 2, year 2027)"),
        ("cron(0 0 29 2 ? 2100)", "has a day 29 "),
        ("rate(1 days)", "rate(1 day)"),
        ("rate(7 day)", "rate(1 day)"),
        ("rate(0 days)", "rate(1 day)"),
        ("rate(1 week)", "rate(1 day)"),
        ("hourly", "cron(...) or rate(...)"),
    ],
)
def test_what_eventbridge_refuses(expression: str, said: str) -> None:
    assert said in (schedule_problem(expression) or "")


@given(st.from_regex(r"(cron|rate)\([0-9A-Z?*/#, -]{0,30}\)|.{0,30}", fullmatch=True))
def test_any_text_is_taken_or_refused_in_words(expression: str) -> None:
    problem = schedule_problem(expression)
    assert problem is None or problem.isprintable()
