"""Loss curves on one scale, whatever is in them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meguru.chart import charts, ticks

CURVE: list[dict[str, Any]] = [
    {"step": 0, "loss": 4.0},
    {"event": "resumed", "step": 5},
    {"step": 10, "loss": 1.0},
]


def test_one_curve() -> None:
    [drawn] = charts([CURVE])
    assert drawn["line"] == "0.0,0.0 640.0,150.0"
    assert drawn["resumed"] == [{"step": 5, "x": 320.0}]
    assert (drawn["first"], drawn["final"], drawn["last_step"]) == (4.0, 1.0, 10)
    assert [tick["label"] for tick in drawn["losses"]] == ["0", "1", "2", "3", "4"]
    assert drawn["steps"][-1] == {"label": "10", "x": 640.0}


def test_two_curves_have_one_scale() -> None:
    first, second = charts([CURVE, [{"step": 0, "loss": 2.0}, {"step": 5, "loss": 1.0}]])
    assert second["line"] == "0.0,100.0 320.0,150.0"
    assert (first["losses"], first["steps"]) == (second["losses"], second["steps"])


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (8.3, [0, 2, 4, 6, 8]),
        (350, [0, 100, 200, 300]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.04, [0, 0.01, 0.02, 0.03, 0.04]),
    ],
)
def test_ticks_are_round_numbers(top: float, expected: list[float]) -> None:
    assert ticks(top) == expected


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [{"event": "resumed", "step": 0}],
        [{"step": 0, "loss": 0.0}],
        [{"step": 0, "loss": math.nan}],
        [{"step": 0, "loss": math.inf}, {"step": 1, "loss": 2.0}],
    ],
)
def test_curves_of_little(curve: list[dict[str, Any]]) -> None:
    [drawn] = charts([curve])
    assert "nan" not in drawn["line"] and "inf" not in drawn["line"]
