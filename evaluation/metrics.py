"""Metrics of answers against the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.chrf import CHRF

from meguru.chat import fold_widths
from meguru.dataset_version import Row


@dataclass(frozen=True)
class Sample:
    """A row, the model's answer to its question, and whether it is right."""

    row: Row
    answer: str

    @property
    def exact(self) -> bool:
        return normalised(self.answer) == normalised(self.row.answer)

    def as_dict(self) -> dict[str, Any]:
        return {
            "record_id": self.row.record_id,
            "group_id": self.row.group_id,
            "language": self.row.language,
            "split": self.row.split,
            "context": list(self.row.context),
            "question": self.row.question,
            "expected": self.row.answer,
            "answer": self.answer,
            "exact_match": self.exact,
        }


def normalised(text: str) -> str:
    """In one width and with single spaces: widths and layout don't make an answer wrong."""
    return " ".join(fold_widths(text).split())


def exact_match(samples: Sequence[Sample]) -> float:
    """The share of answers that are right, 0 to 1."""
    return sum(sample.exact for sample in samples) / len(samples)


def chrf(samples: Sequence[Sample]) -> float:
    """Corpus chrF, 0 to 100 (Popović 2015, sacrebleu's defaults). It needs no word boundaries."""
    answers = [normalised(sample.answer) for sample in samples]
    references = [normalised(sample.row.answer) for sample in samples]
    return float(CHRF().corpus_score(answers, [references]).score)


def by_language(samples: Sequence[Sample]) -> dict[str, dict[str, float | int]]:
    """Exact match and chrF for each language of the samples."""
    languages = sorted({sample.row.language for sample in samples})
    groups = {one: [s for s in samples if s.row.language == one] for one in languages}
    return {
        language: {
            "exact_match": round(exact_match(group), 4),
            "chrf": round(chrf(group), 2),
            "num_held_out": len(group),
        }
        for language, group in groups.items()
    }
