"""The loop with jobs that take a second: what starts what is real, and models are empty."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.check import Assembly

from cli.source import look
from meguru.names import BAD_ANSWER_METRIC, METRIC_NAMESPACE, tried_rows
from meguru.records import Feedback
from tests.e2e.loop_cloud import MODEL, SECOND_MODEL, LoopCloud

# Longer than an event takes to start what it starts on a busy machine, with its wait for more.
QUIET_SECONDS = 4
QUICK_TRAINING = '''
"""Leaves an empty model."""
import os, time
from pathlib import Path

time.sleep(2)
(Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model" / "weights").write_text("none")
'''
QUICK_EVALUATION = '''
"""Finds the model neither good nor bad."""
import json, os
from pathlib import Path

folder = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "processing" / "output" / "evaluation"
folder.mkdir(parents=True, exist_ok=True)
(folder / "evaluation.json").write_text(json.dumps({"metrics": {"exact_match": {"value": 0.5}}}))
'''

# A job has its inputs before its program begins: what comes while it is held here, it can't know.
HELD_CURATION = """
import time
from pathlib import Path

held = Path({folder!r}) / "hold-curation"
if held.exists():
    held.with_name("curation-has-read").touch()
while held.exists():
    time.sleep(0.1)

"""


def import_nothing_ahead(dockerfile: Path) -> None:
    """The program that its image holds now needs none of what the real one needs."""
    dockerfile.write_text(re.sub(r"(?m)^LABEL localcloud\.preload=.*$", "", dockerfile.read_text()))


def with_quick_jobs(assembly: Path, folder: Path) -> Path:
    """A copy of an assembly whose training and evaluation images hold next to nothing.

    Its curation waits for as long as there is a file `hold-curation` in `folder`; by another one,
    `curation-has-read`, it says that it has read the lake.
    """
    copy = Path(shutil.copytree(assembly, folder / "cdk.out"))
    held = HELD_CURATION.format(folder=str(folder))
    for image in Assembly.load(copy).images.values():
        for name, text in (("training", QUICK_TRAINING), ("evaluation", QUICK_EVALUATION)):
            main = image.directory / name / "__main__.py"
            if main.exists():
                main.write_text(text)
                import_nothing_ahead(image.directory / image.docker_file)
        curation = image.directory / "curation" / "__main__.py"
        if curation.exists():
            future = "from __future__ import annotations\n"
            curation.write_text(curation.read_text().replace(future, future + held))
    return copy


@dataclass
class QuickLoop:
    """One running environment with two models, and what lies in its lake by our own account.

    `folder` is the one that its quick jobs were made with.
    """

    cloud: LoopCloud
    folder: Path
    documents: set[str] = field(default_factory=set)
    corrections: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.models = [self.cloud, self.cloud.of_model(SECOND_MODEL)]
        self._states = self.cloud.client("stepfunctions")
        self._has_read = self.folder / "curation-has-read"
        self._s3, self._bucket = self.cloud.client("s3"), self.cloud.outputs["LakeBucket"]

    def put(self, name: str, content: bytes | None = None) -> None:
        """A document of one record, or these bytes, under raw/."""
        text = uuid.uuid4().hex
        record = json.dumps({"question": f"様式{text}の締切は?", "answer": f"{text}です。"})
        body = record.encode() if content is None else content
        self._s3.put_object(Bucket=self._bucket, Key=f"raw/{name}", Body=body)
        self.documents.add(f"raw/{name}")

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)
        self.documents.discard(key)

    def correct(self) -> None:
        """A correction as the API keeps it."""
        text = uuid.uuid4().hex
        given: Any = {
            "inference_id": text,
            "consumer": "a",
            "model_package_arn": "arn",
            "rating": -1,
        }
        feedback = Feedback(
            **given,
            created_at=f"2026-01-01T00:00:00.{len(self.corrections):06}+00:00",
            question=f"申請{text}の窓口は?",
            answer="不明です。",
            corrected_output=f"窓口{text}です。",
            model=MODEL,
        )
        key = f"feedback/dt=2026-01-01/{feedback.feedback_id}.json"
        content = json.dumps(feedback.as_dict(), ensure_ascii=False)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content.encode())
        kept = feedback.as_dict()
        known = ("feedback_id", "inference_id", "created_at", "model")
        item = {name: {"S": kept[name]} for name in known} | {"pending": {"S": "correction"}}
        self.cloud.client("dynamodb").put_item(
            TableName=self.cloud.outputs["FeedbackTable"], Item=item
        )
        self.corrections.add(feedback.feedback_id)

    def judge(self, bad: int) -> None:
        """So many of the first model's answers found bad, as the function for feedback measures."""
        dimensions = {"environment": self.cloud.account.environment_name, "model": MODEL}
        metric = {
            "MetricName": BAD_ANSWER_METRIC,
            "Dimensions": [{"Name": name, "Value": dimensions[name]} for name in dimensions],
            "Values": [1.0],
            "Counts": [bad],
        }
        self.cloud.client("cloudwatch").put_metric_data(
            Namespace=METRIC_NAMESPACE, MetricData=[metric]
        )

    def deploy(self, code: str) -> None:
        """What the first model's stack gets of a commit that changed its training, and the look."""
        functions, outputs = self.cloud.client("lambda"), self.cloud.outputs
        name, machine = outputs["StartTrainingName"], outputs["TrainAndRegisterArn"]
        known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        described = self._states.describe_state_machine(stateMachineArn=machine)
        model = known["MODEL"]
        before, after = (tried_rows(model, "", one) for one in (known["TRAINING_CODE"], code))
        assert before in described["definition"]
        self._states.update_state_machine(
            stateMachineArn=machine, definition=described["definition"].replace(before, after)
        )
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**known, "TRAINING_CODE": code}}
        )
        deployed = self.folder / "outputs.json"
        deployed.write_text(json.dumps({"Meguru-Model": {"StartTrainingName": name}}))
        look(functions, deployed)

    def ask(self, change: Callable[[], None]) -> None:
        """Make a change, and wait until curation was asked for because of it."""
        asked = self.curation_item()["requests"]
        change()
        self.cloud.wait(
            lambda: self.curation_item()["requests"] != asked or None, "curation to be asked for"
        )

    @contextmanager
    def held_curation(self) -> Iterator[None]:
        """Within, a curation reads the lake and goes no further."""
        held = self.folder / "hold-curation"
        self._has_read.unlink(missing_ok=True)
        held.touch()
        try:
            yield
        finally:
            held.unlink()

    def wait_until_curation_has_read(self) -> None:
        """Of a curation that is held: until it knows of nothing that comes from now on."""
        self.cloud.wait(lambda: self._has_read.exists() or None, "the job to have read the lake")

    def replay(self) -> None:
        """The event of the newest version, once more."""
        detail = {"dataset": "text", "version": self.version(), "reason": "again", "run": "again"}
        self.cloud.client("events").put_events(
            Entries=[
                {
                    "Source": f"meguru.{self.cloud.account.environment_name}",
                    "DetailType": "Dataset Version Frozen",
                    "Detail": json.dumps(detail),
                }
            ]
        )

    def curations(self) -> list[dict[str, Any]]:
        return self._executions(self.cloud.outputs["CurateDatasetArn"])

    def trainings(self, model: int = 0) -> list[dict[str, Any]]:
        return self._executions(self.models[model].outputs["TrainAndRegisterArn"])

    def running(self) -> list[dict[str, Any]]:
        found = self.curations() + self.trainings(0) + self.trainings(1)
        return [one for one in found if one["status"] == "RUNNING"]

    def processing_jobs(self) -> set[str]:
        listed = self.cloud.client("sagemaker").list_processing_jobs(MaxResults=100)
        return {one["ProcessingJobName"] for one in listed["ProcessingJobSummaries"]}

    def counts(self) -> tuple[int, int, int]:
        """How many executions there were: of curation, of each model's training."""
        return len(self.curations()), len(self.trainings(0)), len(self.trainings(1))

    def kill(self) -> int:
        """Stop all executions; how many there were."""
        found = self.running()
        for one in found:
            self._states.stop_execution(executionArn=one["executionArn"])
        return len(found)

    def curate(self) -> None:
        """What a person does who starts curation by hand."""
        self._states.start_execution(
            stateMachineArn=self.cloud.outputs["CurateDatasetArn"], input='{"reason": "manual"}'
        )

    def redrive(self, execution: dict[str, Any]) -> None:
        self._states.redrive_execution(executionArn=execution["executionArn"])

    def settle(self) -> None:
        """Until nothing runs, and nothing further begins."""
        quiet_since = time.monotonic()
        deadline = quiet_since + 120
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if self.running():
                quiet_since = time.monotonic()
            assert quiet_since < deadline, f"still running: {self.running()}"
            time.sleep(0.3)

    def version(self) -> str:
        version: str = self.cloud.loop.read_json("datasets/text/HEAD")["version"]
        return version

    def manifest(self) -> dict[str, Any]:
        return self.cloud.loop.manifest(self.version())

    def trained_rows(self, model: int) -> list[str]:
        """The fingerprints of the rows that each version of a model was trained on."""
        of_model = self.models[model]
        sagemaker = self.cloud.client("sagemaker")
        listed = sagemaker.list_model_packages(
            ModelPackageGroupName=of_model.outputs["ModelPackageGroup"], MaxResults=100
        )["ModelPackageSummaryList"]
        packages = [of_model.loop.model_package(one["ModelPackageArn"]) for one in listed]
        versions = [one["CustomerMetadataProperties"]["dataset_version"] for one in packages]
        return [self.cloud.loop.manifest(version)["rows"] for version in versions]

    def curation_item(self) -> dict[str, str]:
        items = {item["name"]["S"]: item for item in self.cloud.items("Loop")}
        found = items.get("curation#text", {})
        return {name: next(iter(value.values())) for name, value in found.items()}

    def faults(self) -> list[str]:
        """What is not as it has to be once all is quiet, in sentences."""
        found, manifest = [], self.manifest()
        if set(manifest["sources"]) != self.documents:
            found.append(
                f"curated {sorted(manifest['sources'])}, there are {sorted(self.documents)}"
            )
        for model in (0, 1):
            rows = self.trained_rows(model)
            if manifest["num_records"] and rows.count(manifest["rows"]) != 1:
                found.append(
                    f"model {model}: {rows.count(manifest['rows'])} versions of HEAD's rows"
                )
            if len(rows) != len(set(rows)):
                found.append(f"model {model}: several versions of the same rows: {rows}")
        item = self.curation_item()
        if "claimed_by" in item or item.get("requests") != item.get("curated"):
            found.append(f"curation is not given back: {item}")
        return found

    def _executions(self, machine: str) -> list[dict[str, Any]]:
        listed = self._states.list_executions(stateMachineArn=machine)["executions"]
        return sorted(listed, key=lambda one: one["startDate"])
