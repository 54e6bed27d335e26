"""The evidence page and the model card: complete, self-contained, and safe to open."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from evaluation.comparison import Pair, compare_answers, compare_pairs
from evaluation.contamination import describe_leaks
from evaluation.data_changes import describe_changes, describe_data
from evaluation.evidence import Evidence, duration, render, verdict
from evaluation.measures import with_intervals
from evaluation.metrics import Sample, by_language
from evaluation.model_card import MAX_BYTES, model_card
from evaluation.own_questions import OwnQuestions
from evaluation.run_facts import Attempt, RunFacts
from evaluation.safety import describe_safety, read_prompts
from evaluation.watch import points_to_watch
from tests.unit.evaluation.answers import make_sample, make_samples

HOSTILE = "</div><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
CURVE: list[dict[str, Any]] = [
    {"step": 1, "loss": 3.0},
    {"event": "resumed", "step": 1},
    {"step": 2, "loss": 1.0},
]


def make_evidence(
    samples: list[Sample], pairs: list[Pair] | None = None, **changed: Any
) -> Evidence:
    run = RunFacts(instance_type="ml.g6.2xlarge", is_spot=True, minimum={"chrf": 50})
    manifest = {"sources": {"raw/a.jsonl": "1"}, "num_records": 9, "splits": {"train": 5}}
    prompts = read_prompts()
    report: dict[str, Any] = {
        "metrics": with_intervals(samples) | {"num_held_out": {"value": len(samples)}},
        "languages": by_language(samples),
        "training_job": "faq-1",
        "commit": "abc",
        "base_model": None,
        "num_set_aside": 0,
        "set_aside": [],
        "dataset": "text",
        "dataset_version": "3f" * 32,
        "data": describe_data(manifest),
        "contamination": describe_leaks([]),
        "own_questions": OwnQuestions().describe(),
        "safety": describe_safety(prompts, ["お答えできません。"] * len(prompts)),
        "judge": None,
        "cost": run.cost(),
        "reason": "feedback",
    }
    if pairs:
        report["comparison"] = {
            "metrics": compare_pairs(pairs),
            "answers": compare_answers(pairs),
            "model_package_arn": "arn:aws:sagemaker:x:1:model-package/m/1",
        }
        report["data_changes"] = describe_changes({"sources": {}}, manifest, [])
    return Evidence(report | changed, run, CURVE, pairs or [], samples)


def worse() -> Evidence:
    new, old = make_samples(50, 70), make_samples(120, 0)
    pairs = [Pair(one, Sample(one.row, other.answer)) for one, other in zip(new, old, strict=True)]
    return make_evidence(new, pairs)


class Page(HTMLParser):
    """The elements of a page, its addresses, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_an_approver_asks_for() -> None:
    page = Page(render(worse()))
    for shown in (
        "exact_match", "rouge_l", "≥ 50", "resumed from step 1", "1 document added",
        "raw/a.jsonl", "1 × ml.g6.2xlarge, managed spot", "started by feedback", "unknown: 1",
        "14 of 14 harmful prompts", "注意していただきたい点",
    ):  # fmt: skip
        assert shown in re.sub(r"\s+", " ", page.text), shown
    assert page.tags.count("section") == 20


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = Page(render(worse()))
    assert page.addresses == []
    assert not {"script", "link", "iframe", "img", "object", "form"} & set(page.tags)


def test_whatever_a_model_says_stays_text() -> None:
    sample = make_sample(HOSTILE, HOSTILE + "!", HOSTILE, language='"><b>')
    evidence = make_evidence([sample, make_sample("a", "b", "2")], training_job=HOSTILE)
    page = Page(render(evidence))
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.text


def test_without_a_serving_version_there_is_no_comparison() -> None:
    text = Page(render(make_evidence(make_samples(3, 2)))).text
    assert "Nothing serves yet" in text
    assert "serving version\n" not in text
    assert "No earlier version to compare with" in text


@pytest.mark.parametrize("samples", [make_samples(1, 0), make_samples(0, 1)])
def test_one_record_is_shown_without_an_interval(samples: list[Sample]) -> None:
    evidence = make_evidence(samples, pairs=[Pair(samples[0], samples[0])])
    assert "Only 1 independent question was asked" in Page(render(evidence)).text
    assert "low" not in evidence.rows[0]
    json.loads(model_card(evidence))


def test_tasks_of_lm_eval_stand_beside() -> None:
    task = {"file": "lm-eval/results_1.json", "model": HOSTILE, "date": "2026-11-27", "task": "t",
            "metric": "acc", "value": 0.5, "low": 0.3, "high": 0.7, "num_samples": 1,
            "higher_is_better": False}  # fmt: skip
    evidence = make_evidence(
        make_samples(3, 2), tasks=[task], num_tasks=9, broken_tasks=["results_2.json"]
    )
    text = re.sub(r"\s+", " ", Page(render(evidence)).text)
    for shown in ("Tasks of lm-eval", "1 question", "lower is better", "0.3 to 0.7", "8 more"):
        assert shown in text
    said = [point.english for point in points_to_watch(evidence.report)]
    assert "1 file of lm-eval's results could not be read: results_2.json" in said


def test_an_empty_curve_is_said() -> None:
    evidence = make_evidence(make_samples(3, 2))
    page = render(Evidence(evidence.report, evidence.run, [], [], evidence.held_out))
    assert "no loss curve that could be read" in page


def test_a_fall_beyond_chance_is_the_first_to_watch() -> None:
    points = points_to_watch(worse().report)
    assert points[0].is_serious
    assert "worse than the serving version's by more than chance" in points[0].english
    assert any("70 answers that used to be right became wrong" in point.english for point in points)


def test_what_is_broken_is_to_watch() -> None:
    own = OwnQuestions(problems=["own.jsonl, line 2: not JSON"]).describe()
    judge = {"name": "j", "num_unjudged": 3, "reasons": {"no answer within 30 s": 3},
             "num_controls": 8, "num_controls_right": 8, "is_unreliable": False}  # fmt: skip
    leaks = {"exact": 1, "normalised": 0, "near": 0, "found": []}
    evidence = make_evidence(
        make_samples(3, 2), own_questions=own, judge=judge, contamination=leaks,
        not_compared="its weights are damaged", num_broken_feedback=2,
        base_model={"name": "m", "revision": "r", "licence": "unknown"}, num_set_aside=3,
        set_aside=[{"record_id": "r", "source_uri": "raw/a", "reason": "unknown role: tool"}],
    )  # fmt: skip
    said = "\n".join(point.english for point in points_to_watch(evidence.report))
    for expected in (
        "own.jsonl, line 2", "no answer within 30 s (3)", "1 held-out question is",
        "its weights are damaged", "2 feedback files", "licence of the base model m",
        "2 records are too long", "1 record was left out",
    ):  # fmt: skip
        assert expected in said
    assert "unknown role: tool" in Page(render(evidence)).text


def test_a_judge_that_is_none_is_the_first_to_watch() -> None:
    judge = {"name": "j", "num_unjudged": 5, "reasons": {"the judge can't be relied on": 5},
             "num_controls": 8, "num_controls_right": 4, "is_unreliable": True}  # fmt: skip
    [first, *_] = points_to_watch(make_evidence(make_samples(3, 2), judge=judge).report)
    assert "of 8 control answers, whose grade is known, it graded 4 right" in first.english


def test_what_spot_capacity_saved_stands_beside_what_was_predicted() -> None:
    attempts = [
        Attempt("ml.g6.2xlarge", True, "Stopped"),
        Attempt("ml.g6.2xlarge", True, "Completed"),
    ]
    run = RunFacts(
        instance_type="ml.g6.2xlarge", is_spot=True, training_seconds=3600, billable_seconds=1200,
        predicted_spot_saving=0.6, price_per_hour=1.5, attempts=tuple(attempts),
    )  # fmt: skip
    evidence = make_evidence(make_samples(3, 2), cost=run.cost())
    text = re.sub(r"\s+", " ", Page(render(evidence)).text)
    assert "67 %; 60 % was predicted" in text
    assert "0.50 US dollars; 1.50 on demand, of all attempts" in text
    assert "ml.g6.2xlarge on spot: Stopped; ml.g6.2xlarge on spot: Completed" in text
    assert "spot capacity saved 67%; 60% was predicted; 0.50 US dollars" in model_card(evidence)


def test_what_was_saved_before_spot_capacity_was_given_up_is_kept() -> None:
    run = RunFacts(
        instance_type="ml.g6.2xlarge",
        training_seconds=4000,
        billable_seconds=3000,
        price_per_hour=1.8,
    )
    text = Page(render(make_evidence(make_samples(3, 2), cost=run.cost()))).text
    assert "25 %; the last attempt was on demand" in text
    assert "1.50 US dollars; 2.00 on demand" in text


def test_a_language_that_falls_behind_is_to_watch() -> None:
    english = [make_sample("no", "yes", f"e{n}", "en") for n in range(5)]
    said = [
        point.english
        for point in points_to_watch(make_evidence(make_samples(5, 0) + english).report)
    ]
    assert any("Answers in 'en' are right less often" in one for one in said)


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("chrf", 1, 2, "better"),
        ("chrf", -2, -1, "worse"),
        ("chrf", -1, 1, "same"),
        ("loss", -2, -1, "better"),
        ("loss", 1, 2, "worse"),
        ("chrf", None, None, "same"),
    ],
)
def test_verdicts(name: str, low: float | None, high: float | None, expected: str) -> None:
    assert verdict(name, {"low": low, "high": high}) == expected


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7380, "2 h 3 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_card_follows_the_registry_s_schema() -> None:
    text = model_card(worse())
    assert "\n" not in text
    assert len(text) < 100_000
    card = json.loads(text)
    assert card.keys() == {"training_details", "evaluation_details", "additional_information"}
    own, compared = card["evaluation_details"]
    [group] = own["metric_groups"]
    for metric in group["metric_data"]:
        assert metric.keys() == {"name", "type", "value", "notes"}
        assert metric["type"] == "number"
        assert isinstance(metric["value"], int | float)
    assert compared["name"] == "Against the serving version"
    assert "worse than" in card["additional_information"]["caveats_and_recommendations"]
    assert all(
        isinstance(v, str) for v in card["additional_information"]["custom_details"].values()
    )


def test_the_card_is_cut_where_much_is_to_say() -> None:
    problems = ["x" * 5000] * 3
    own = OwnQuestions(problems=problems).describe()
    licences = {f"licence {n}" * 20: n for n in range(500)}
    data = {**make_evidence(make_samples(3, 2)).report["data"], "licences": licences}
    text = model_card(make_evidence(make_samples(3, 2), own_questions=own, data=data))
    assert len(text.encode()) <= MAX_BYTES
    json.loads(text)
