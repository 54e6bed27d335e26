"""Our loop, counted."""

from __future__ import annotations

from benchmarks.counted import train_alone
from benchmarks.sft.subject import Count, Subject, add_adapter


def train(subject: Subject, count: Count) -> None:
    """All steps of the subject's settings."""
    if subject.settings.method == "lora":
        add_adapter(subject)
    train_alone(subject.model, subject.objective, subject.settings, count)
