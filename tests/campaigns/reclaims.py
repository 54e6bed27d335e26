"""Campaign: spot capacity is taken away at random moments; the weights are those of a whole run."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow
import pyarrow.parquet
import requests

from tests.e2e.loop_cloud import SIZES, LoopCloud

HYPERPARAMETERS = {**SIZES, "max_steps": 60, "checkpoint_steps": 3, "dropout": 0.2}
MAX_RECLAIMS = 2
ENDED = ("Completed", "Failed", "Stopped")


@dataclass
class Reclaims:
    """Trials on one running environment; each is one training job on two hosts."""

    cloud: LoopCloud
    seed: int = 0

    @cached_property
    def whole(self) -> str:
        """The weights of a run that nothing interrupted, as their digest."""
        return self.weights(self.finished(self.start("whole")))

    def trial(self, number: int) -> list[str]:
        """Reclaim one job at random moments; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        expected = self.whole
        name = self.start(f"trial-{number}")
        for _ in range(chance.randint(1, MAX_RECLAIMS)):
            self.wait_for_status(name, "Training")
            time.sleep(chance.random() * 4)
            self.reclaim(name)
        return self.faults(name, expected)

    def trial_with_fault(self) -> list[str]:
        """A run that goes another way, by its seed here, must be told from the whole one."""
        return self.faults(self.start("planted", seed=1), self.whole)

    def faults(self, name: str, expected: str) -> list[str]:
        job, found = self.finished(name), []
        if job["TrainingJobStatus"] != "Completed":
            found.append(f"{name} ended as {job['TrainingJobStatus']}: {job.get('FailureReason')}")
        elif self.weights(job) != expected:
            found.append(f"{name} has other weights than the whole run")
        return found

    def start(self, name: str, **hyperparameters: Any) -> str:
        """A training job as the workflow starts it, with managed spot and a tiny model."""
        values = {**HYPERPARAMETERS, **hyperparameters}
        given = self.cloud.definition("TrainAndRegister")["States"]["TrainModel"]["Arguments"]
        bucket = self.cloud.outputs["LakeBucket"]
        prefix = f"s3://{bucket}/runs/{name}"
        name = f"{name}-{random.getrandbits(32):08x}"
        channel = {
            "S3DataType": "S3Prefix",
            "S3DataDistributionType": "FullyReplicated",
            "S3Uri": f"s3://{bucket}/{self._dataset}",
        }
        self.cloud.client("sagemaker").create_training_job(
            TrainingJobName=name,
            RoleArn=given["RoleArn"],
            AlgorithmSpecification={
                "TrainingImage": given["AlgorithmSpecification"]["TrainingImage"],
                "TrainingInputMode": "File",
            },
            HyperParameters={key: str(value) for key, value in values.items()},
            InputDataConfig=[
                {"ChannelName": "dataset", "DataSource": {"S3DataSource": channel}},
            ],
            OutputDataConfig={"S3OutputPath": f"{prefix}/model"},
            CheckpointConfig={"S3Uri": f"{prefix}/checkpoints"},
            ResourceConfig={
                "InstanceCount": 2,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        )
        return name

    def reclaim(self, name: str) -> None:
        """Take the capacity away; a job that has ended meanwhile has none."""
        answer = requests.post(
            f"{self.cloud.endpoint_url}/_localcloud/spot/reclaim",
            json={"training_job": name},
            timeout=150,
        )
        assert answer.ok or self.describe(name)["TrainingJobStatus"] in ENDED, answer.text

    def describe(self, name: str) -> dict[str, Any]:
        job: dict[str, Any] = self.cloud.client("sagemaker").describe_training_job(
            TrainingJobName=name
        )
        return job

    def wait_for_status(self, name: str, secondary: str) -> None:
        self.cloud.wait(
            lambda: (
                (job := self.describe(name))["SecondaryStatus"] == secondary
                or job["TrainingJobStatus"] in ENDED
                or None
            ),
            f"{name} to be {secondary}",
        )

    def finished(self, name: str) -> dict[str, Any]:
        self.cloud.wait(
            lambda: self.describe(name)["TrainingJobStatus"] in ENDED or None, f"{name} to end"
        )
        return self.describe(name)

    def weights(self, job: dict[str, Any]) -> str:
        """The digest of a finished job's model.safetensors."""
        uri = job["ModelArtifacts"]["S3ModelArtifacts"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            [member] = [m for m in archive if m.name.endswith("model.safetensors")]
            file = archive.extractfile(member)
            assert file is not None
            return hashlib.sha256(file.read()).hexdigest()

    @cached_property
    def _dataset(self) -> str:
        """The prefix of a dataset version of a few rows."""
        rows = [
            {
                "record_id": str(number),
                "question": f"様式{number}の締切は?",
                "answer": f"{number + 1}日です",
                "group_id": str(number),
                "language": "ja",
                "split": "train" if number % 4 else "held_out",
                "weight": 1,
            }
            for number in range(24)
        ]
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
        shard = buffer.getvalue()
        described = {
            "path": "shard-00000.parquet",
            "sha256": hashlib.sha256(shard).hexdigest(),
            "rows": len(rows),
        }
        manifest = {"name": "text", "shards": [described], "counts": {"rows": len(rows)}}
        prefix = "datasets/text/campaign/"
        for name, content in (
            ("shard-00000.parquet", shard),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            self.cloud.client("s3").put_object(
                Bucket=self.cloud.outputs["LakeBucket"], Key=prefix + name, Body=content
            )
        return prefix
