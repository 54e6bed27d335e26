"""The processing job: inputs from SageMaker's folders, the evaluation to its output."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from evaluation.comparison import Pair, pair_up
from evaluation.evaluate import evaluate
from evaluation.evidence import Evidence, render
from evaluation.judge import judge_both
from evaluation.judge_client import read_judge
from evaluation.model import ChatModel
from evaluation.model_card import model_card
from evaluation.outcome import Evaluation, Settings
from evaluation.own_questions import read_own_questions
from evaluation.prompts import describe_prompt, rows_of_examples
from evaluation.report import (
    Baseline,
    describe_comparison,
    describe_dataset,
    describe_model,
    describe_votes,
)
from evaluation.run_facts import RunFacts
from evaluation.safety import describe_safety, read_prompts
from evaluation.shards import read_parquet
from evaluation.task_results import describe_tasks
from evaluation.training_curve import read_curve
from meguru.accelerator import ROOT, check_accelerator
from meguru.dataset_version import DatasetVersion, read_dataset_version
from meguru.model_archive import open_model
from meguru.prompt import Prompt
from meguru.prompt_bound import TEMPLATE_TOKENS

MODEL_CARD = "model_card.json"
CHAT_TEMPLATE = "chat_template.jinja"


@dataclasses.dataclass(frozen=True)
class Folders:
    """The folders of one processing job under `root` (SageMaker's /opt/ml)."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "processing" / "input"

    @property
    def base(self) -> Path:
        """The base model that the candidate is an adapter of, where it is one."""
        return self.inputs / "base"

    @property
    def output(self) -> Path:
        return self.root / "processing" / "output" / "evaluation"

    @property
    def reasons(self) -> tuple[Path, Path]:
        """Where a failure's reason goes: a processing job's ExitMessage is the second."""
        return self.root / "output" / "failure", self.root / "output" / "message"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """`BATCH_SIZE`, `MAX_NEW_TOKENS`, `NUM_TRAIN_SAMPLES` where they are set."""
    values = {}
    for one in dataclasses.fields(Settings):
        text = environment.get(one.name.upper())
        if text is not None:
            if not text.isdecimal():
                raise ValueError(f"{one.name.upper()}={text!r} is not a whole number")
            values[one.name] = int(text)
    settings = Settings(**values)
    if settings.batch_size < 1 or settings.max_new_tokens < 1:
        raise ValueError("BATCH_SIZE and MAX_NEW_TOKENS must be above 0")
    return settings


def load_model(
    folder: Path, base: Path, scratch: Path, prompt: Prompt | None
) -> tuple[ChatModel, dict[str, Any]]:
    """The model in `folder` (a model.tar.gz or its files), and its training's facts.

    An adapter's base model is in `base`.
    """
    if not folder.is_dir():
        raise ValueError(f"no input 'model' at {folder}: give the job a model.tar.gz")
    folder = open_model(folder, scratch)
    facts = folder / "training.json"
    model = ChatModel.load(folder, base, prompt)
    return model, json.loads(facts.read_text()) if facts.is_file() else {}


def evaluate_baseline(
    folders: Folders, dataset: DatasetVersion, settings: Settings, scratch: Path
) -> Baseline:
    """The serving model, with its own prompt, on the same questions, where the job was given one.

    One that can't be read must not keep its successor from being judged.
    """
    folder = folders.inputs / "baseline"
    if not folder.is_dir() or not any(folder.iterdir()) or (folder / "evaluation.json").is_file():
        return Baseline()
    try:
        prompt = Prompt.read(folders.inputs / "baseline_prompt")
        # An adapter of another base model, or revision, than the candidate's brings its own.
        own = folders.inputs / "baseline_base"
        base = own if own.is_dir() else folders.base
        model, facts = load_model(folder, base, scratch, prompt)
        alone = dataclasses.replace(settings, num_train_samples=0)
        return Baseline(evaluate(model, dataset, alone), facts)
    except (ValueError, OSError, RuntimeError) as error:
        return Baseline(problem=str(error))


def read_serving_prompt(folders: Folders) -> Prompt | None:
    """The prompt that serves; None also for one that can't be read, which has no evaluation."""
    try:
        return Prompt.read(folders.inputs / "baseline_prompt")
    except ValueError:
        return None


def run(
    folders: Folders, settings: Settings, scratch: Path, environment: Mapping[str, str]
) -> None:
    """Evaluate, compare, write."""
    run_facts = RunFacts.from_environment(environment)
    judge = read_judge(environment)
    dataset = read_dataset_version(folders.inputs / "dataset", read_parquet)
    prompt = Prompt.read(folders.inputs / "prompt", environment.get("PROMPT_VERSION", ""))
    known = dataset.split("train") + rows_of_examples(prompt)
    own = read_own_questions(folders.inputs / "labels", known)
    prompts = read_prompts()
    model, facts = load_model(folders.inputs / "model", folders.base, scratch / "model", prompt)
    evaluation = evaluate(model, dataset, settings, own, prompts)
    num_tokens, template = model.num_prompt_tokens, model.chat_template
    template_tokens = model.template_tokens
    # Two models at once may be more than the instance holds.
    del model
    baseline = evaluate_baseline(folders, dataset, settings, scratch / "baseline")
    evaluation, before, judged = judge_both(
        judge, evaluation, baseline.evaluation, settings.num_judged
    )
    pairs = pair_up(evaluation.held_out, before.held_out) if before else []
    report = {
        **describe_model(folders.inputs, evaluation, facts, run_facts),
        **describe_dataset(folders.inputs, dataset, known),
        **describe_prompt(
            prompt, read_serving_prompt(folders), num_tokens, run_facts.source_package
        ),
        TEMPLATE_TOKENS: template_tokens.metadata(),
        "own_questions": own.describe(),
        "safety": describe_safety(prompts, evaluation.safety_answers),
        "judge": judged,
        **describe_tasks(folders.inputs / "labels"),
        **describe_votes(folders.inputs / "feedback"),
        **describe_comparison(folders.inputs, dataset, evaluation, pairs, run_facts, baseline),
        "cost": run_facts.cost(),
        "run": run_facts.run,
        "reason": run_facts.reason,
        "model_card": MODEL_CARD,
    }
    write_evaluation(folders.output, report, evaluation, pairs)
    if prompt:
        (folders.output / CHAT_TEMPLATE).write_text(template, "utf-8")
    curve = read_curve(folders.inputs / "model")
    write_evidence(folders.output, Evidence(report, run_facts, curve, pairs, evaluation.held_out))
    values = {name: metric["value"] for name, metric in report["metrics"].items()}
    print(" ".join(f"{name}={value}" for name, value in values.items()), flush=True)


def write_evaluation(
    folder: Path, report: dict[str, Any], evaluation: Evaluation, pairs: list[Pair]
) -> None:
    """evaluation.json, and samples.jsonl with every question and what was answered to it."""
    folder.mkdir(parents=True, exist_ok=True)
    serving = {pair.new.row.record_id: pair.old.answer for pair in pairs}
    lines = []
    for sample in evaluation.held_out + evaluation.labelled + evaluation.train:
        values = sample.as_dict()
        if sample.row.split == "held_out" and sample.row.record_id in serving:
            values["serving_answer"] = serving[sample.row.record_id]
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    (folder / "samples.jsonl").write_text("".join(lines), "utf-8", "backslashreplace")
    content = json.dumps(report, ensure_ascii=False, indent=2)
    (folder / "evaluation.json").write_text(content, "utf-8", "backslashreplace")


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """evidence.html for a person, model_card.json for the registry."""
    (folder / "evidence.html").write_text(render(evidence), "utf-8", "backslashreplace")
    (folder / MODEL_CARD).write_text(model_card(evidence), "utf-8", "backslashreplace")


def fail(folders: Folders, reason: str) -> int:
    for path in folders.reasons:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason, encoding="utf-8")
    print(f"evaluation failed: {reason}", file=sys.stderr, flush=True)
    return 1


def main(environment: Mapping[str, str], devices: Path = ROOT) -> int:
    """The container's entrypoint; its result is the exit status. `devices` holds dev and proc."""
    folders = Folders(Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")))
    with tempfile.TemporaryDirectory(prefix="evaluation-") as scratch:
        try:
            check_accelerator(
                is_used=torch.cuda.is_available(), environment=environment, root=devices
            )
            run(folders, read_settings(environment), Path(scratch), environment)
        except (ValueError, OSError, RuntimeError) as error:
            return fail(folders, str(error))
    return 0
