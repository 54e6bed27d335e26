"""What the workflow tells of the run: its instances and seconds, what serves, the gate."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """One training job of the run: on which instances, and what became of it."""

    instance_type: str
    is_spot: bool
    status: str


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run; what the job was not told is empty.

    `training_seconds` are those the instances worked, `billable_seconds` those that are paid for,
    both of one instance, and of all attempts. `predicted_spot_saving` is a share, 0 to 1;
    `price_per_hour` is what an instance costs on demand, in US dollars. `base` is the base model's
    name, revision and licence, as far as they are known. `source_package` is the version whose
    weights are evaluated with another prompt, "" where a training made them.
    """

    run: str = ""
    reason: str = ""
    instance_type: str = ""
    instance_count: int = 1
    is_spot: bool = False
    training_seconds: int | None = None
    billable_seconds: int | None = None
    predicted_spot_saving: float | None = None
    price_per_hour: float | None = None
    attempts: tuple[Attempt, ...] = ()
    base: dict[str, str] = field(default_factory=dict)
    serving_package: str = ""
    source_package: str = ""
    minimum: dict[str, float] = field(default_factory=dict)
    maximum_drop: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RunFacts:
        """ValueError names the variable whose value is of another kind."""
        read = _Reader(environment)
        return cls(
            run=read.text("RUN"),
            reason=read.text("REASON"),
            instance_type=read.text("TRAINING_INSTANCE_TYPE"),
            instance_count=read.number("TRAINING_INSTANCE_COUNT") or 1,
            is_spot=read.text("TRAINING_USED_SPOT") == "true",
            training_seconds=read.number("TRAINING_SECONDS"),
            billable_seconds=read.number("TRAINING_BILLABLE_SECONDS"),
            predicted_spot_saving=read.fraction("PREDICTED_SPOT_SAVING"),
            price_per_hour=read.fraction("TRAINING_PRICE_PER_HOUR"),
            attempts=read.attempts("TRAINING_ATTEMPTS"),
            base={
                name: said
                for name in ("name", "revision", "licence")
                if (said := read.text(f"BASE_{name.upper()}"))
            },
            serving_package=read.text("SERVING_PACKAGE"),
            source_package=read.text("SOURCE_PACKAGE"),
            minimum=read.thresholds("MINIMUM_METRICS"),
            maximum_drop=read.thresholds("MAXIMUM_METRIC_DROPS"),
        )

    def cost(self) -> dict[str, Any]:
        """Seconds of all instances, what spot capacity saved of them, and a price where known."""
        used = _times(self.training_seconds, self.instance_count)
        billed = _times(self.billable_seconds, self.instance_count)
        saving = 1 - billed / used if used and billed is not None else None
        return {
            "instance_type": self.instance_type,
            "instance_count": self.instance_count,
            "is_spot": self.is_spot,
            "instance_seconds": used,
            "billable_instance_seconds": billed,
            "spot_saving": None if saving is None else round(saving, 4),
            "predicted_spot_saving": self.predicted_spot_saving,
            "price": self._price(billed),
            "price_on_demand": self._price(used),
            "attempts": [dataclasses.asdict(one) for one in self.attempts],
        }

    def _price(self, seconds: int | None) -> float | None:
        if self.price_per_hour is None or seconds is None:
            return None
        return round(self.price_per_hour * seconds / 3600, 2)


def _times(seconds: int | None, count: int) -> int | None:
    return None if seconds is None else seconds * count


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str:
        return self._environment.get(name, "")

    def number(self, name: str) -> int | None:
        text = self.text(name)
        if text and not text.isdecimal():
            raise ValueError(f"{name}={text!r} is not a whole number")
        return int(text) if text else None

    def fraction(self, name: str) -> float | None:
        text = self.text(name)
        try:
            value = float(text) if text else None
        except ValueError:
            value = math.nan
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={text!r} is not a number from 0 on")
        return value

    def attempts(self, name: str) -> tuple[Attempt, ...]:
        text = self.text(name)
        try:
            return tuple(
                Attempt(str(one["instance_type"]), one["spot"] is True, str(one["status"]))
                for one in (json.loads(text) if text else ())
            )
        except (ValueError, TypeError, KeyError) as error:
            said = "a list of objects with instance_type, spot and status"
            raise ValueError(f"{name}={text!r} is not {said}") from error

    def thresholds(self, name: str) -> dict[str, float]:
        text = self.text(name)
        try:
            values = json.loads(text) if text else {}
            return {str(metric): float(value) for metric, value in values.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{name}={text!r} is not an object of metrics with numbers") from error
