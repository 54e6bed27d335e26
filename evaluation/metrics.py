"""Metrics of answers against the right ones, each as sums that a sample of the answers has too."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from evaluation.words import words
from meguru.chat import fold_widths
from meguru.dataset_version import Row

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A row, the model's answer to its question, and the loss of the right answer.

    `loss` is summed over the right answer's `num_tokens` tokens. `judged` is a judge's score from
    0 to 1, None where there was no judge or it gave none. `prefers` says whether the model finds
    the right answer likelier than the row's rejected one, None where the row has none.
    """

    row: Row
    answer: str
    loss: float = 0.0
    num_tokens: int = 0
    judged: float | None = None
    prefers: bool | None = None

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
            "judged": self.judged,
            "prefers": self.prefers,
        }


@dataclass(frozen=True)
class Statistics:
    """A metric's sums: `rows` has a row for each answer, `score` makes the metric of their sum.

    So the metric of any choice of answers, each as often as wanted, is one product away. Of a share
    each row is 0 or 1 beside 1. An answer that has no part in a metric has zeros there.
    """

    rows: Table
    score: Callable[[Table], float]
    is_share: bool = False

    @property
    def value(self) -> float:
        return self.score(self.rows.sum(axis=0))


def normalised(text: str) -> str:
    """In one width and with single spaces: widths and layout don't make an answer wrong."""
    return " ".join(fold_widths(text).split())


def plain(text: str) -> str:
    """Letters and digits alone, in one form and case: what is left where marks don't count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if unicodedata.category(one)[0] in "LNM")


def statistics_of(samples: Sequence[Sample]) -> dict[str, Statistics]:
    """Every metric's sums over `samples`, by the metric's name in evaluation.json."""
    found = {
        "exact_match": _share([sample.exact for sample in samples]),
        "normalised_match": _share(
            [sample.exact or _matches_plainly(sample) for sample in samples]
        ),
        "chrf": _of_sacrebleu(CHRF(), samples, lambda text, language: normalised(text)),
        "bleu": _of_sacrebleu(BLEU(tokenize="none", force=True), samples, _spaced),
        "rouge_l": _mean([rouge_l(sample) for sample in samples]),
    }
    if any(sample.num_tokens for sample in samples):
        rows = np.array([[sample.loss, sample.num_tokens] for sample in samples], dtype=float)
        found |= {"loss": Statistics(rows, _ratio), "perplexity": Statistics(rows, _perplexity)}
    if any(sample.judged is not None for sample in samples):
        found["judge"] = _mean([sample.judged for sample in samples])
    if any(sample.prefers is not None for sample in samples):
        found["preference_accuracy"] = _share([sample.prefers for sample in samples])
    return found


def rouge_l(sample: Sample) -> float:
    """ROUGE-L's F1 over words, 0 to 1 (Lin 2004)."""
    answer, expected = (
        words(normalised(text).casefold(), sample.row.language)
        for text in (sample.answer, sample.row.answer)
    )
    common = longest_common(answer, expected)
    return 2 * common / (len(answer) + len(expected)) if common else 0.0


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, a bit for each of `first` (Hyyrö 2004)."""
    places: Counter[str] = Counter()
    for index, word in enumerate(first):
        places[word] |= 1 << index
    full = (1 << len(first)) - 1
    vector = full
    for word in second:
        matched = vector & places[word]
        vector = (vector + matched | vector - matched) & full
    return len(first) - vector.bit_count()


def exact_match(samples: Sequence[Sample]) -> float:
    """The share of answers that are right, 0 to 1."""
    return sum(sample.exact for sample in samples) / len(samples)


def by_language(samples: Sequence[Sample]) -> dict[str, dict[str, float | int]]:
    """Exact match and chrF for each language of the samples."""
    languages = sorted({sample.row.language for sample in samples})
    groups = {one: [s for s in samples if s.row.language == one] for one in languages}
    return {
        language: {
            "exact_match": round(exact_match(group), 4),
            "chrf": round(statistics_of(group)["chrf"].value, 2),
            "num_held_out": len(group),
        }
        for language, group in groups.items()
    }


def _matches_plainly(sample: Sample) -> bool:
    expected = plain(sample.row.answer)
    return bool(expected) and plain(sample.answer) == expected


def _spaced(text: str, language: str) -> str:
    return " ".join(words(normalised(text), language))


def _of_sacrebleu(
    metric: Metric, samples: Sequence[Sample], prepare: Callable[[str, str], str]
) -> Statistics:
    """sacrebleu's own counts for each answer: what its bootstrap resamples too (0 to 100)."""
    answers = [prepare(sample.answer, sample.row.language) for sample in samples]
    expected = [prepare(sample.row.answer, sample.row.language) for sample in samples]
    counts = metric._extract_corpus_statistics(answers, [expected])

    def score(sums: Table) -> float:
        return float(metric._compute_score_from_stats([int(one) for one in sums]).score)

    return Statistics(np.array(counts, dtype=float), score)


def _share(values: Sequence[bool | None]) -> Statistics:
    return Statistics(_mean(values).rows, _ratio, is_share=True)


def _mean(values: Sequence[float | None]) -> Statistics:
    """The mean of the values that are there."""
    rows = [[0.0, 0.0] if value is None else [value, 1.0] for value in values]
    return Statistics(np.array(rows, dtype=float), _ratio)


def _ratio(sums: Table) -> float:
    return float(sums[0] / sums[1]) if sums[1] else math.nan


def _perplexity(sums: Table) -> float:
    return math.exp(min(_ratio(sums), 700.0))  # beyond that a float overflows
