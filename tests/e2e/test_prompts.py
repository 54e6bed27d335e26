"""A prompt goes the way of a model version: evaluated, approved, served, rolled back, untrained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli.account import Account
from cli.cloud_process import CloudProcess
from cli.consumers import Consumers
from cli.lineage import trace
from cli.main import app
from cli.synthesis import REPOSITORY, synthesize
from meguru.prompt import Prompt
from meguru.prompt_bound import PromptBound
from tests.e2e.loop_cloud import SIZES, LoopCloud

NAME, MODEL = "prompts", "meguru-text"
DOCUMENTS = [
    {
        "question": f"When is form {n} due?",
        "phrasings": [f"By when is form {n} needed?", f"Form {n}: when is the deadline?"],
        "answer": f"On day {n}.",
    }
    for n in range(1, 7)
]
FILE = """\
system: |
  短く。
question_template: "Q: {question}"
"""
PROMPT = Prompt("短く。", question_template="Q: {question}")


def small_assembly(folder: Path) -> Path:
    """environments/poc.yaml with one tiny model and no floor."""
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    [model] = values["models"].values()
    model["training"]["hyperparameters"] = {**SIZES, "max_steps": 30}
    model["training"]["instance_count"] = 1
    model["gate"] = {"minimum": {"exact_match": 0.0}}
    file = folder / "prompts.yaml"
    file.write_text(yaml.safe_dump({**values, "name": NAME}))
    return synthesize(file, folder / "cdk.out")


@dataclass
class Trained:
    """An environment whose first model version serves."""

    cloud: LoopCloud
    first: str

    def command(self, *words: str) -> Result:
        place = ["--environment-name", NAME, "--endpoint-url", self.cloud.endpoint_url]
        return CliRunner().invoke(app, ["prompt", *words, *place], env={"COLUMNS": "200"})

    def serve(self, package: str) -> None:
        self.cloud.decide(package, "Approved")
        self.cloud.loop.released(package)

    def ask(self) -> Any:
        return self.cloud.openai_client().chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "form 3?"}],
            temperature=0,
            logprobs=True,
        )

    def record(self, inference_id: str) -> dict[str, Any]:
        [item] = [
            one for one in self.cloud.items("Inference") if one["inference_id"]["S"] == inference_id
        ]
        return item

    def bound(self) -> PromptBound:
        """What requests reserve for the prompt."""
        [bound] = [row["prompt_bound"]["M"] for row in self.cloud.items("Release")]
        return PromptBound.read({name: value["N"] for name, value in bound.items()})

    def training_jobs(self) -> int:
        return len(self.cloud.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])

    def evaluation(self, package: str) -> str:
        """Where the evaluation of a version lies in the lake."""
        place = self.metadata(package)["evidence"].partition("/runs/")[2]
        return f"runs/{place.rpartition('/')[0]}"

    def packages(self) -> list[str]:
        group = self.cloud.outputs["ModelPackageGroup"]
        listed = self.cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=group)
        return [one["ModelPackageArn"] for one in listed["ModelPackageSummaryList"]]

    def metadata(self, package: str) -> dict[str, str]:
        found: dict[str, str] = self.cloud.loop.model_package(package)["CustomerMetadataProperties"]
        return found


def said(completion: Any) -> list[tuple[str, float]]:
    """The answer's tokens, and how likely each was: a model so small may say the same for long."""
    return [(one.token, one.logprob) for one in completion.choices[0].logprobs.content]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("prompts")
    with CloudProcess(small_assembly(folder), port=0, log=folder / "log") as process:
        account = Account(NAME, process.endpoint_url)
        cloud = LoopCloud(account.with_key(Consumers(account).add("tests")))
        lines = "".join(json.dumps(one) + "\n" for one in DOCUMENTS)
        cloud.client("s3").put_object(
            Bucket=cloud.outputs["LakeBucket"], Key="raw/forms.jsonl", Body=lines.encode()
        )
        run = cloud.loop.training_run(cloud.loop.dataset_version())["executionArn"]
        trained = Trained(cloud, cloud.loop.registered(run)["model_package_arn"])
        trained.serve(trained.first)
        yield trained


def test_what_can_not_be_released_says_why(trained: Trained, tmp_path: Path) -> None:
    assert "no prompt of this model is in the lake" in trained.command("list", MODEL).output
    for words, why in (
        (("add", MODEL, str(tmp_path / "none.yaml")), "there is no such file"),
        (("add", "other", str(tmp_path)), f"no model 'other' is in the environment '{NAME}'"),
        (("release", MODEL, "0123"), "no prompt version '0123' of this model is in the lake"),
        (("release", MODEL, "none", "--package", "99"), "this model has no version 99"),
        (("show", MODEL, "1"), "'1' is too short for a prompt's version"),
    ):
        result = trained.command(*words)
        assert (result.exit_code, why in result.output) == (1, True), result.output
    nothing = trained.command("release", MODEL, "none")
    assert nothing.exit_code == 0 and "nothing to do" in nothing.output, nothing.output
    # A person who starts the workflow by hand learns the same.
    for given, why in (
        ({}, "prompt_version is missing: add one"),
        ({"prompt_version": "0123"}, "the version 0123 of the prompt is not in the lake"),
    ):
        states = trained.cloud.client("stepfunctions")
        arn = states.start_execution(
            stateMachineArn=trained.cloud.outputs["ReleasePromptArn"], input=json.dumps(given)
        )["executionArn"]
        with pytest.raises(Exception, match=why):
            trained.cloud.loop.finished(arn)
    # It takes more of this model's context than a prompt may: its job says so.
    file = tmp_path / "long.yaml"
    file.write_text("system: " + "長" * 200)
    assert trained.command("add", MODEL, str(file)).exit_code == 0
    [version] = [line.split()[0] for line in trained.command("list", MODEL).output.splitlines()[1:]]
    refused = trained.command("release", MODEL, version)
    assert refused.exit_code == 1 and "of the model's 128 tokens of context" in refused.output
    assert trained.training_jobs() == 1


def test_a_prompt_that_gives_answers_away_is_refused_by_the_gate(
    trained: Trained, tmp_path: Path
) -> None:
    samples = trained.cloud.loop.read(f"{trained.evaluation(trained.first)}/samples.jsonl").decode()
    held_out = json.loads(samples.splitlines()[0])
    example = {"question": held_out["question"], "answer": held_out["expected"]}
    file = tmp_path / "leak.yaml"
    file.write_text(yaml.safe_dump({"examples": [example]}, allow_unicode=True))
    added = trained.command("add", MODEL, str(file)).output
    version = added.split("prompt version ")[1].split()[0]
    result = trained.command("release", MODEL, version)
    assert result.exit_code == 1, result.output
    assert "Refused by the gate: " in result.output and "1 held-out question" in result.output
    assert trained.packages() == [trained.first]


def test_a_prompt_goes_round_like_a_version(trained: Trained, tmp_path: Path) -> None:
    cloud = trained.cloud
    before = trained.ask()
    file = tmp_path / "prompt.yaml"
    file.write_text(FILE)
    added = trained.command("add", MODEL, str(file))
    assert added.exit_code == 0 and PROMPT.version in added.output, added.output
    assert "短く。" in trained.command("show", MODEL, PROMPT.version[:6]).output
    assert "+短く。" in trained.command("diff", MODEL, "none", PROMPT.version).output

    # Evaluated against the same weights without it, and registered beside them.
    released = trained.command("release", MODEL, PROMPT.version[:6], "--reason", "短い回答")
    assert released.exit_code == 0, released.output
    package = trained.first.rpartition("/")[0] + "/2"
    assert package in released.output
    described = cloud.loop.model_package(package)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    first = cloud.loop.model_package(trained.first)
    weights = [
        one["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] for one in (first, described)
    ]
    assert weights[0] == weights[1]
    metadata, earlier = trained.metadata(package), trained.metadata(trained.first)
    for name in ("training_job", "dataset_version", "source_commit"):
        assert metadata[name] == earlier[name]
    bucket = cloud.outputs["LakeBucket"]
    assert metadata["prompt_uri"] == f"s3://{bucket}/prompts/{MODEL}/{PROMPT.version}/"
    assert metadata["prompt_version"] == PROMPT.version
    assert metadata["source_package"] == trained.first and metadata["reason"] == "短い回答"
    place = trained.evaluation(package)
    report = cloud.loop.read_json(f"{place}/evaluation.json")
    assert report["comparison"]["model_package_arn"] == trained.first
    assert "短く。" in cloud.loop.read(f"{place}/evidence.html").decode()
    # Nothing unapproved answers.
    assert trained.record(trained.ask().id)["prompt_version"]["S"] == ""

    trained.serve(package)
    after = trained.ask()
    assert said(after) != said(before)
    assert after.usage.prompt_tokens > before.usage.prompt_tokens
    assert trained.bound() == PromptBound.of(PROMPT)
    record = trained.record(after.id)
    assert record["prompt_version"]["S"] == PROMPT.version
    assert record["model_package_arn"]["S"] == package
    lineage = trace(cloud.account, after.id)
    assert (lineage.prompt_version, lineage.prompt) == (PROMPT.version, PROMPT.values())
    assert trace(cloud.account, before.id).prompt_version is None
    assert "2 (Approved)" in trained.command("list", MODEL).output
    assert trained.training_jobs() == 1

    # Back, as from any version: the one before is approved again.
    trained.serve(trained.first)
    again = trained.ask()
    assert said(again) == said(before)
    assert again.usage.prompt_tokens == before.usage.prompt_tokens
    assert trained.record(again.id)["prompt_version"]["S"] == ""
    assert trained.training_jobs() == 1


def test_the_prompt_that_serves_goes_along_with_a_new_model(trained: Trained) -> None:
    cloud = trained.cloud
    package = trained.first.rpartition("/")[0] + "/2"
    trained.serve(package)
    version = trained.metadata(package)["dataset_version"]
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["TrainAndRegisterArn"],
        input=json.dumps({"detail": {"version": version}}),
    )
    third = cloud.loop.registered(started["executionArn"])["model_package_arn"]
    metadata = trained.metadata(third)
    assert metadata["prompt_version"] == PROMPT.version
    assert metadata["prompt_uri"] == trained.metadata(package)["prompt_uri"]
    report = cloud.loop.read_json(f"{trained.evaluation(third)}/evaluation.json")
    assert report["prompt"]["version"] == report["prompt"]["serving_version"] == PROMPT.version

    # It is taken off in the same way.
    released = trained.command("release", MODEL, "none", "--package", third.rpartition("/")[2])
    assert released.exit_code == 0, released.output
    alone = trained.metadata(third.rpartition("/")[0] + "/4")
    assert "prompt_uri" not in alone and alone["source_package"] == third
