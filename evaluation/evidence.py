"""The evidence pack: one page an approver reads before saying yes or no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.comparison import Pair, least_right, side_by_side
from evaluation.measures import LABELLED
from evaluation.metrics import Sample
from evaluation.pages import page_templates
from evaluation.run_facts import RunFacts
from evaluation.watch import points_to_watch
from evaluation.wording import counted
from meguru.chart import charts
from meguru.gate import HIGHEST, LOWER_IS_BETTER

# By name in evaluation.json, in the order they are shown: what it is, in English and Japanese.
MEANINGS = {
    "exact_match": ("answers that are right to the letter", "完全一致"),
    "normalised_match": ("right but for marks, case and spaces", "記号・大小文字を除いた一致"),
    "chrf": ("likeness of characters, 0 to 100", "文字の近さ(0〜100)"),
    "bleu": ("likeness of word sequences, 0 to 100", "語の並びの近さ(0〜100)"),
    "rouge_l": ("words in common, in order, 0 to 1", "共通する語の並び(0〜1)"),
    "judge": ("a judge model's score, 0 to 1", "判定モデルの評価(0〜1)"),
    "preference_accuracy": (
        "pairs of which the right answer is likelier, for a token, than the rejected one",
        "却下された回答より正しい回答を選ぶ割合",
    ),
    "loss": ("surprise at the right answers; lower is better", "正解に対する損失(低いほど良い)"),
    "perplexity": (
        "the same as a number of choices; lower is better",
        "パープレキシティ(低いほど良い)",
    ),
    "labelled_exact_match": ("your own questions, right to the letter", "自社の質問での完全一致"),
    "labelled_chrf": ("your own questions, likeness of characters", "自社の質問での文字の近さ"),
    "labelled_judge": ("your own questions, the judge's score", "自社の質問での判定モデルの評価"),
    "labelled_preference_accuracy": (
        "finds what people ranked first likelier than what they ranked last",
        "人の順位づけとの一致",
    ),
    "train_exact_match": ("of questions it was trained on", "学習に使った質問での完全一致"),
    "seconds_per_answer": ("time for one answer while evaluating", "1 回答の時間(秒)"),
}


@dataclass(frozen=True)
class Evidence:
    """What the page is made of: evaluation.json's content, and what has no place in it."""

    report: Mapping[str, Any]
    run: RunFacts
    curve: Sequence[dict[str, Any]]
    pairs: Sequence[Pair]
    held_out: Sequence[Sample]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One for each metric that is there, as the page shows it."""
        metrics = self.report["metrics"]
        compared = (self.report.get("comparison") or {}).get("metrics", {})
        return [
            {
                "name": name,
                "meaning": meaning,
                "meaning_ja": meaning_ja,
                "is_own": name.startswith(LABELLED),
                **metrics[name],
                "compared": _compared(name, compared.get(name)),
                "gate": self._gate_on(name),
            }
            for name, (meaning, meaning_ja) in MEANINGS.items()
            if name in metrics
        ]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Those to read: those that differ most, or without a serving model the wrong ones."""
        if self.pairs:
            return [_shown(pair.new, pair) for pair in side_by_side(self.pairs)]
        return [_shown(sample, None) for sample in least_right(self.held_out)]

    @property
    def counts(self) -> list[tuple[str, int, int]]:
        """What the data version has of each kind: its name, how many before, how many now."""
        changes = self.report.get("data_changes")
        if not changes:
            return []
        before, after = changes["before"], changes["after"]
        found = [("all", before["num_records"], after["num_records"])]
        kinds = {"splits": "", "languages": "language ", "set_aside": "set aside: "}
        for kind, said in kinds.items():
            for name in dict.fromkeys([*before[kind], *after[kind]]):
                found.append((said + name, before[kind].get(name, 0), after[kind].get(name, 0)))
        return found

    def _gate_on(self, name: str) -> list[str]:
        asked = []
        if name in self.run.minimum:
            asked.append(f"≥ {self.run.minimum[name]:g}")
        if name in self.run.maximum_drop:
            asked.append(f"drop ≤ {self.run.maximum_drop[name]:g}")
        return asked


def render(evidence: Evidence) -> str:
    """The page: one HTML file that needs nothing else; whatever a model said stays text."""
    templates = page_templates("evaluation")
    templates.filters |= {"duration": duration, "figure": figure, "counted": counted}
    curve = charts([list(evidence.curve)])[0]
    return templates.get_template("evidence.html.j2").render(
        report=evidence.report,
        rows=evidence.rows,
        answers=evidence.answers,
        counts=evidence.counts,
        watch=points_to_watch(evidence.report),
        curve=curve,
        known=bool(evidence.pairs),
        groups=evidence.report["metrics"]["exact_match"].get("num_groups"),
    )


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def figure(value: float) -> str:
    """A number in as many digits as a person compares."""
    return f"{value:.4g}"


def verdict(name: str, compared: Mapping[str, Any]) -> str:
    """`better` or `worse` where chance alone can't be the reason, else `same`."""
    low, high = compared.get("low"), compared.get("high")
    if low is None or high is None or low <= 0 <= high:
        return "same"
    return "better" if (low > 0) != (name.removeprefix(LABELLED) in LOWER_IS_BETTER) else "worse"


def _compared(name: str, compared: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A metric against the serving model's, and its interval as places on a bar of 0 to 100."""
    if not compared or compared.get("difference") is None:
        return None
    found = {"low": None, "high": None, **compared, "verdict": verdict(name, compared)}
    if found["low"] is None:
        return {**found, "bar": None}
    # A bar's ends are what would be a large change of this metric.
    reach = max(HIGHEST.get(name, 0) / 10, abs(found["low"]), abs(found["high"])) or 1
    places = {key: round(50 + 50 * found[key] / reach, 2) for key in ("low", "high", "difference")}
    return {**found, "bar": places}


def _shown(sample: Sample, pair: Pair | None) -> dict[str, Any]:
    change = pair.change if pair else 0
    return {
        "record_id": sample.row.record_id,
        "language": sample.row.language,
        "context": [turn["content"] for turn in sample.row.context],
        "question": sample.row.question,
        "expected": sample.row.answer,
        "new": sample.answer,
        "new_is_right": sample.exact,
        "old": pair.old.answer if pair else None,
        "old_is_right": pair.old.exact if pair else None,
        "change": "better" if change > 0 else "worse" if change < 0 else "same",
    }
