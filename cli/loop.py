"""The loop as a person drives it: documents in, approval, and watching what happens between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from cli.account import Account
from cli.run_failure import reason_of, why_failed
from meguru.names import TEXT_DATASET, dataset_head_key, dataset_manifest_key, raw_key

# Often at first; then a small share of what was waited for: looking costs the machine something.
SHORTEST_POLL_SECONDS, LONGEST_POLL_SECONDS, POLLED_SHARE = 0.1, 1.0, 0.02
Found = TypeVar("Found")
FAILED = ("FAILED", "TIMED_OUT", "ABORTED")


class LoopFailed(Exception):
    """A step of the loop failed; the message says which, and its own reason."""


class ExecutionFailed(LoopFailed):
    """An execution of a workflow failed; `reason` is why, without which one it was."""

    def __init__(self, execution: dict[str, Any]) -> None:
        super().__init__(why_failed(execution))
        self.reason = reason_of(execution)


class Loop:
    """One account's loop. Every wait ends with the awaited thing, or with LoopFailed."""

    def __init__(self, account: Account, timeout_seconds: float = 600) -> None:
        self.account, self._timeout_seconds = account, timeout_seconds

    def put_documents(self, folder: Path, source: str) -> list[str]:
        """Put every file of a folder into the lake's raw prefix; their keys."""
        today = datetime.now(UTC).date()
        keys = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = raw_key(source, today, path.relative_to(folder).as_posix())
            self.account.client("s3").put_object(
                Bucket=self.account.outputs["LakeBucket"], Key=key, Body=path.read_bytes()
            )
            keys.append(key)
        return keys

    def dataset_version(self, after: str | None = None) -> str:
        """The dataset's HEAD, once it is another than `after` and no curation will move it on."""
        curation = self.account.outputs["CurateDatasetArn"]
        states = self.account.client("stepfunctions")

        def look() -> str | None:
            if self._head(after) is None:
                return None
            running = states.list_executions(stateMachineArn=curation, statusFilter="RUNNING")
            return None if running["executions"] else self._head(after)

        return self._wait(look, "a dataset version", curation)

    def manifest(self, version: str) -> dict[str, Any]:
        return self.read_json(dataset_manifest_key(TEXT_DATASET, version))

    def training_run(self, dataset_version: str) -> dict[str, Any]:
        """The execution of train_and_register that trains on a dataset version, once it started."""
        arn = self.account.outputs["TrainAndRegisterArn"]
        return self._wait(
            lambda: self._execution_on(arn, dataset_version),
            "the training run to start",
            self.account.outputs["CurateDatasetArn"],
        )

    def finished(self, execution_arn: str) -> dict[str, Any]:
        """What an execution gave back, when it has succeeded."""
        states = self.account.client("stepfunctions")

        def look() -> dict[str, Any] | None:
            execution = states.describe_execution(executionArn=execution_arn)
            if execution["status"] in FAILED:
                raise ExecutionFailed(execution)
            if execution["status"] != "SUCCEEDED":
                return None
            output: dict[str, Any] = json.loads(execution["output"])
            return output

        return self._wait(look, f"the execution {execution_arn} to end")

    def registered(self, execution_arn: str) -> dict[str, Any]:
        """What a training run gave back: `model_package_arn`, `metrics`. LoopFailed if refused."""
        outcome = self.finished(execution_arn)
        if "model_package_arn" not in outcome:
            raise LoopFailed(
                f"the gate refused the model: {'; '.join(outcome['reasons'])}. Write down more "
                "questions and phrasings, or raise num_epochs in the environment file"
            )
        return outcome

    def training_job(self, dataset_version: str) -> dict[str, Any]:
        """The model's newest training job on a dataset version, once there is one."""
        sagemaker = self.account.client("sagemaker")
        model = self.account.outputs["ModelPackageGroup"]

        def look() -> dict[str, Any] | None:
            jobs = sagemaker.list_training_jobs(
                NameContains=model, SortBy="CreationTime", SortOrder="Descending"
            )
            for name in (summary["TrainingJobName"] for summary in jobs["TrainingJobSummaries"]):
                job = self.describe_training_job(name)
                if name.rpartition("-")[0] == model and dataset_version in json.dumps(
                    job["InputDataConfig"]
                ):
                    return job
            return None

        return self._wait(look, "a training job", self.account.outputs["TrainAndRegisterArn"])

    def describe_training_job(self, name: str) -> dict[str, Any]:
        job: dict[str, Any] = self.account.client("sagemaker").describe_training_job(
            TrainingJobName=name
        )
        return job

    def wait_for_checkpoint(self, job: dict[str, Any]) -> bool:
        """Until a training job has a checkpoint in the lake: True; False where it is done first.

        Raises LoopFailed with the job's own reason where it has failed.
        """
        bucket, _, prefix = job["CheckpointConfig"]["S3Uri"].removeprefix("s3://").partition("/")

        def look() -> bool | None:
            listed = self.account.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix + "/")
            if any(item["Key"].endswith(".safetensors") for item in listed.get("Contents", [])):
                return True
            return False if self.has_completed(job["TrainingJobName"]) else None

        return self._wait(look, "a checkpoint", self.account.outputs["TrainAndRegisterArn"])

    def has_completed(self, training_job: str) -> bool:
        """Whether a training job is done. LoopFailed where it has ended in another way."""
        job = self.describe_training_job(training_job)
        status: str = job["TrainingJobStatus"]
        if status in ("Failed", "Stopped"):
            reason = job.get("FailureReason", "it gives no reason")
            raise LoopFailed(f"the training job {training_job} is {status}: {reason}")
        return status == "Completed"

    def approve(self, model_package_arn: str) -> None:
        """Approve a model version: what a person does in the console."""
        self.account.client("sagemaker").update_model_package(
            ModelPackageArn=model_package_arn,
            ModelApprovalStatus="Approved",
            ApprovalDescription="Approved from the meguru command.",
        )

    def approval(self, model_package_arn: str) -> None:
        """Until somebody has approved a model version; LoopFailed when it is rejected."""

        def look() -> bool | None:
            status = self.model_package(model_package_arn)["ModelApprovalStatus"]
            if status == "Rejected":
                raise LoopFailed(f"{model_package_arn} was rejected")
            return status == "Approved" or None

        self._wait(look, "approval", timeout_seconds=float("inf"))

    def released(self, model_package_arn: str) -> None:
        """Until a model version serves."""
        releases = self.account.outputs["ReleaseTable"]
        key = {"endpoint_name": {"S": self.account.outputs["EndpointName"]}}

        def look() -> bool | None:
            item = self.account.client("dynamodb").get_item(TableName=releases, Key=key)
            released = item.get("Item", {}).get("released_model_package_arn", {}).get("S")
            return released == model_package_arn or None

        self._wait(
            look, f"{model_package_arn} to serve", self.account.outputs["DeployModelVersionArn"]
        )

    def model_package(self, arn: str) -> dict[str, Any]:
        package: dict[str, Any] = self.account.client("sagemaker").describe_model_package(
            ModelPackageName=arn
        )
        return package

    def read_json(self, key: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.read(key))
        return value

    def read(self, key: str) -> bytes:
        content: bytes = (
            self.account.client("s3")
            .get_object(Bucket=self.account.outputs["LakeBucket"], Key=key)["Body"]
            .read()
        )
        return content

    def _head(self, after: str | None) -> str | None:
        s3 = self.account.client("s3")
        try:
            version: str = self.read_json(dataset_head_key(TEXT_DATASET))["version"]
        except s3.exceptions.NoSuchKey:
            return None
        return None if version == after else version

    def _execution_on(self, arn: str, dataset_version: str) -> dict[str, Any] | None:
        states = self.account.client("stepfunctions")
        for summary in states.list_executions(stateMachineArn=arn)["executions"]:
            execution: dict[str, Any] = states.describe_execution(
                executionArn=summary["executionArn"]
            )
            if json.loads(execution["input"]).get("detail", {}).get("version") == dataset_version:
                return execution
        return None

    def _wait(
        self,
        look: Callable[[], Found | None],
        what: str,
        workflow_arn: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Found:
        """Look until there is something; an execution of `workflow_arn` that fails ends the wait.

        What had failed before is known by itself: the account's clock need not be this machine's.
        """
        earlier = self._failures(workflow_arn) if workflow_arn else set()
        limit = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        began = time.monotonic()
        while (waited := time.monotonic() - began) < limit:
            if (found := look()) is not None:
                return found
            if workflow_arn:
                for execution_arn, _ in self._failures(workflow_arn) - earlier:
                    self.finished(execution_arn)
            time.sleep(_poll_seconds(waited))
        raise LoopFailed(f"waited {limit:.0f} seconds for {what}; see the workflows' executions")

    def _failures(self, workflow_arn: str) -> set[tuple[str, datetime]]:
        """A workflow's failed executions, with when they did: one that is redriven may again."""
        states = self.account.client("stepfunctions")
        return {
            (execution["executionArn"], execution["stopDate"])
            for status in FAILED
            for execution in states.list_executions(
                stateMachineArn=workflow_arn, statusFilter=status
            )["executions"]
        }


def _poll_seconds(waited: float) -> float:
    return min(max(waited * POLLED_SHARE, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
