"""What a training runs on: the instances it asks for first, and what it falls back to."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from stacks.environment.section import SECTION
from stacks.environment.values import InstanceCount, TrainingInstanceType


@dataclass(frozen=True)
class Capacity:
    """Instances that a training job may run on."""

    instance_type: str
    instance_count: int
    spot: bool


class FallBack(BaseModel):
    """Other instances for a training. What isn't said is as in the training; on demand unless
    `spot` is said.
    """

    model_config = SECTION

    instance_type: TrainingInstanceType | None = None
    instance_count: InstanceCount | None = None
    spot: bool = False

    def beside(self, first: Capacity) -> Capacity:
        """The instances that are meant, in a training that asks for `first` before them."""
        return Capacity(
            self.instance_type or first.instance_type,
            self.instance_count or first.instance_count,
            self.spot,
        )
