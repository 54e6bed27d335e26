"""Rules of composite alarms."""

from __future__ import annotations

import pytest

from localcloud.monitoring.alarm_rules import alarm_names, parse

STATES = {"a": "ALARM", "b": "OK", "c d": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ('OK("b") AND INSUFFICIENT_DATA("c d")', True),
        ("ALARM(b) OR ALARM(a) AND NOT OK(b)", False),
        ("(ALARM(b) OR ALARM(a)) AND NOT ALARM(b)", True),
        ("NOT (ALARM(a) OR FALSE)", False),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
        ("TRUE AND ALARM(nosuch)", False),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    assert parse(rule)(STATES.get) is holds


@pytest.mark.parametrize(
    "rule", ["", "ALARM", "ALARM(a) AND", "ALARM(a))", "(ALARM(a)", "a AND b", "AND", "ALARM(a) x"]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="AlarmRule"):
        parse(rule)


def test_the_alarms_of_a_rule() -> None:
    assert alarm_names('ALARM(a) OR NOT OK("c d")') == ["a", "c d"]
