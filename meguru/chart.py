"""Loss curves as SVG coordinates, all on one scale so that they can be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640, 200
NUM_TICKS = 4
Curve = list[dict[str, Any]]


@dataclass(frozen=True)
class Scale:
    """What the right and the upper edge of a chart stand for."""

    last_step: float
    highest: float

    def x(self, step: float) -> float:
        return round(step / self.last_step * WIDTH, 1)

    def y(self, loss: float) -> float:
        return round(HEIGHT - loss / self.highest * HEIGHT, 1)


def charts(curves: list[Curve]) -> list[dict[str, Any]]:
    """Each curve's line, its numbers, where it was resumed, and the ticks of the common scale."""
    points = [point for curve in curves for point in _points(curve)]
    scale = Scale(
        max((point["step"] for point in points), default=0) or 1,
        max((point["loss"] for point in points), default=0) or 1,
    )
    return [_chart(curve, scale) for curve in curves]


def resumed_from(curve: Curve) -> list[int]:
    return [event["step"] for event in curve if event.get("event") == "resumed"]


def ticks(top: float) -> list[float]:
    """About NUM_TICKS round numbers from 0 to `top`."""
    rough = top / NUM_TICKS
    magnitude: float = 10.0 ** math.floor(math.log10(rough))
    step = next(size for one in (1, 2, 5, 10) if (size := one * magnitude) >= rough * 0.8)
    return [round(step * index, 10) for index in range(int(top / step * 1.001) + 1)]


def _points(curve: Curve) -> Curve:
    return [event for event in curve if math.isfinite(event.get("loss", math.nan))]


def _chart(curve: Curve, scale: Scale) -> dict[str, Any]:
    points = _points(curve)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "line": " ".join(f"{scale.x(one['step'])},{scale.y(one['loss'])}" for one in points),
        "resumed": [{"step": step, "x": scale.x(step)} for step in resumed_from(curve)],
        "steps": [{"label": f"{at:g}", "x": scale.x(at)} for at in ticks(scale.last_step)],
        "losses": [{"label": f"{at:g}", "y": scale.y(at)} for at in ticks(scale.highest)],
        "last_step": points[-1]["step"] if points else 0,
        "first": round(points[0]["loss"], 2) if points else None,
        "final": round(points[-1]["loss"], 3) if points else None,
    }
