"""What a demo has seen: its turns, its corrections, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli.api_use import ConsumerUse, TimedAnswer
from cli.chat import Reply
from cli.dataset import Dataset
from cli.lineage import Lineage
from stacks.environment import Environment, Model


@dataclass
class Turn:
    """One turn of the loop: what it trained on, and what came of it."""

    dataset_version: str
    manifest: dict[str, Any]
    training_job: dict[str, Any]
    loss_curve: list[dict[str, Any]]
    model_package: dict[str, Any]
    metrics: dict[str, float]
    evidence: str = ""


@dataclass
class Correction:
    """A question that was answered wrong, what was said of it, and what is answered since."""

    question: str
    expected_answer: str
    before: Reply
    feedback_id: str
    after: Reply | None = None


@dataclass
class Findings:
    """What the demo has seen of an environment's first model; the report is made of it."""

    environment: Environment
    datasets: list[Dataset] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    num_logged: int = 0
    answers: list[TimedAnswer] = field(default_factory=list)
    ledger: list[ConsumerUse] = field(default_factory=list)
    error: str | None = None
    not_shown: list[str] = field(default_factory=list)
    lineage: Lineage | None = None

    @property
    def model_key(self) -> str:
        return next(iter(self.environment.trained))

    @property
    def model(self) -> Model:
        return self.environment.models[self.model_key]
