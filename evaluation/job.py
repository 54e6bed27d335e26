"""The processing job: inputs from SageMaker's folders, the evaluation to its output."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch

from evaluation.comparison import compare_answers, compare_metrics, read_baseline
from evaluation.evaluate import Evaluation, Settings, evaluate
from evaluation.metrics import Sample
from evaluation.model import ChatModel
from meguru.accelerator import ROOT, check_accelerator
from meguru.dataset_version import DatasetVersion, read_dataset_version
from meguru.model_archive import open_model


@dataclasses.dataclass(frozen=True)
class Folders:
    """The folders of one processing job under `root` (SageMaker's /opt/ml)."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "processing" / "input"

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


def read_parquet(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """A shard's rows, with those of the columns that it has."""
    table = pyarrow.parquet.read_table(path)
    known = table.select([name for name in columns if name in table.column_names])
    rows: list[dict[str, Any]] = known.to_pylist()
    return rows


def load_model(folder: Path, scratch: Path) -> tuple[ChatModel, dict[str, Any]]:
    """The model in `folder` (a model.tar.gz or its files), and its training's facts.

    An adapter's base model is input `base`, beside it.
    """
    base = folder.parent / "base"
    if not folder.is_dir():
        raise ValueError(f"no input 'model' at {folder}: give the job a model.tar.gz")
    folder = open_model(folder, scratch)
    facts = folder / "training.json"
    return ChatModel.load(folder, base), json.loads(facts.read_text()) if facts.is_file() else {}


def compare(
    folders: Folders,
    evaluation: Evaluation,
    dataset: DatasetVersion,
    settings: Settings,
    scratch: Path,
) -> dict[str, Any] | None:
    """The comparison with input `baseline`, where it holds anything."""
    folder = folders.inputs / "baseline"
    earlier = folder / "evaluation.json"
    if earlier.is_file():
        baseline = read_baseline(earlier)
        comparison: dict[str, Any] = {
            "metrics": compare_metrics(evaluation.metrics, baseline["metrics"]),
            # Of different questions the differences say little: the reader must know.
            "same_dataset_version": baseline.get("dataset_version") == dataset.version,
        }
        return comparison
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    model, facts = load_model(folder, scratch)
    other = evaluate(model, dataset, dataclasses.replace(settings, num_train_samples=0))
    return {
        "metrics": compare_metrics(evaluation.metrics, other.metrics),
        "answers": compare_answers(evaluation.held_out, other.held_out),
        "training_job": facts.get("training_job"),
        "same_dataset_version": True,
    }


def write(folder: Path, report: dict[str, Any], samples: list[Sample]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(sample.as_dict(), ensure_ascii=False) + "\n" for sample in samples]
    (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8")
    content = json.dumps(report, ensure_ascii=False, indent=2)
    (folder / "evaluation.json").write_text(content, encoding="utf-8")


def run(folders: Folders, settings: Settings, scratch: Path) -> dict[str, Any]:
    """Evaluate, compare, write; the report as written."""
    dataset = read_dataset_version(folders.inputs / "dataset", read_parquet)
    model, facts = load_model(folders.inputs / "model", scratch / "model")
    evaluation = evaluate(model, dataset, settings)
    report: dict[str, Any] = {
        "metrics": evaluation.metrics,
        "languages": evaluation.languages,
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "training_job": facts.get("training_job"),
        "commit": facts.get("commit"),
        **describe_set_aside(evaluation, facts),
    }
    comparison = compare(folders, evaluation, dataset, settings, scratch / "baseline")
    if comparison:
        report["comparison"] = comparison
    write(folders.output, report, evaluation.held_out + evaluation.train)
    return report


def describe_set_aside(evaluation: Evaluation, facts: dict[str, Any]) -> dict[str, Any]:
    """What neither training nor evaluation could use, each by its name."""
    own = [dataclasses.asdict(one) for one in evaluation.set_aside]
    set_aside = [*facts.get("set_aside", []), *own]
    return {"num_set_aside": len(set_aside), "set_aside": set_aside}


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
            report = run(folders, read_settings(environment), Path(scratch))
        except (ValueError, OSError, RuntimeError) as error:
            return fail(folders, str(error))
    values = {name: metric["value"] for name, metric in report["metrics"].items()}
    print(" ".join(f"{name}={value}" for name, value in values.items()), flush=True)
    return 0
