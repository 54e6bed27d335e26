"""Findings of a demo at any stage, and tiny assemblies for a real cloud."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.chat import Reply
from cli.findings import Correction, Findings, Turn
from cli.lineage import Lineage
from cli.progress import Progress
from cli.synthesis import REPOSITORY
from stacks.environment import read_environment


@pytest.fixture
def poc() -> Path:
    return REPOSITORY / "environments" / "poc.yaml"


@pytest.fixture
def findings(poc: Path) -> Findings:
    return Findings(read_environment(poc))


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO()))


@pytest.fixture
def make_turn() -> Callable[..., Turn]:
    def make(
        loss_curve: list[dict[str, Any]] | None = None, metrics: dict[str, float] | None = None
    ) -> Turn:
        return Turn(
            dataset_version="v1",
            manifest={
                "num_records": 3,
                "splits": {"train": 3},
                "set_aside": {"items": 1},
                "sources": {"raw/a": "0"},
                "feedback_ids": [],
            },
            training_job={"TrainingJobName": "job-1"},
            loss_curve=loss_curve or [],
            model_package={"ModelPackageArn": "arn:p", "ModelApprovalStatus": "Approved"},
            metrics={"exact_match": 0.5} if metrics is None else metrics,
        )

    return make


@pytest.fixture
def correction() -> Correction:
    return Correction("<script>q</script>", "a & b", Reply("chatcmpl-1", "<b>wrong</b>"), "fb-1")


@pytest.fixture
def lineage() -> Lineage:
    return Lineage(
        inference_id="chatcmpl-2",
        question="q",
        answer="a",
        model_package_arn="arn:p",
        initial_model_package="arn:p",
        training_job="job-1",
        source_commit="abc",
        dataset_version="v1",
        feedback_ids=["fb-1"],
        documents={"raw/a": "0a"},
        documents_without_records={"raw/b.docx": "0b"},
        records=[
            {
                "question": "q",
                "answer": "a",
                "context": [{"role": "user", "content": "<before>"}],
                "source_kind": "feedback",
                "source_uri": "fb-1",
            }
        ],
    )


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    """What `cdk synth` writes for one stack with one queue."""
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "One.template.json"},
    }
    manifest = {"version": "43.0.0", "artifacts": {"One": stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    (folder / "One.template.json").write_text(json.dumps(template))
    return folder
