"""Metric math."""

from __future__ import annotations

import pytest

from localcloud.calls import ServiceError
from localcloud.monitoring.expressions import Value, evaluate, names

TIMELINE = [0, 60, 120]
SERIES: dict[str, Value] = {
    "errors": {0: 1.0, 60: 4.0},
    "requests": {0: 10.0, 60: 0.0, 120: 5.0},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("errors / requests * 100", {0: 10.0}),
        ("errors + 1", {0: 2.0, 60: 5.0}),
        ("-errors ^ 2", {0: -1.0, 60: -16.0}),
        ("FILL(errors, 0) + requests", {0: 11.0, 60: 4.0, 120: 5.0}),
        ("FILL(errors, REPEAT)", {0: 1.0, 60: 4.0, 120: 4.0}),
        ("IF(requests > 0, FILL(errors, 0) / requests, 0)", {0: 0.1, 60: 0.0, 120: 0.0}),
        ("IF(errors > 1 AND requests < 1, 1)", {60: 1.0}),
        ("SUM([errors, requests])", {0: 11.0, 60: 4.0, 120: 5.0}),
        ("MAX(METRICS())", {0: 10.0, 60: 4.0, 120: 5.0}),
        ("AVG(errors)", 2.5),
        ("CEIL(errors / 3)", {0: 1.0, 60: 2.0}),
        ("2 + 3", 5.0),
    ],
)
def test_arithmetic(expression: str, expected: Value) -> None:
    assert evaluate(expression, SERIES, TIMELINE) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "ANOMALY_DETECTION_BAND(errors, 2)",
        "errors +",
        "__import__('os').system('true')",
        "errors.__class__",
        "[x for x in errors]",
        "lambda: 1",
        "nosuch + 1",
        "'text'",
        "SEARCH('{AWS/EC2}', 'Sum')",
    ],
)
def test_what_is_not_understood_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ServiceError, match="Metric math"):
        evaluate(expression, SERIES, TIMELINE)


def test_names_are_the_identifiers_without_functions() -> None:
    assert names("IF(a > 1, SUM([b, c]), a)") == {"a", "b", "c"}
