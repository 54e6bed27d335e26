"""A running cloud with SageMaker, and images made of a few lines each."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.account import Account
from localcloud.assets import ImageAsset
from localcloud.cloud import Cloud
from localcloud.monitoring.alarms import CloudWatchService
from localcloud.sagemaker.autoscaling import ApplicationAutoScalingService
from localcloud.sagemaker.service import SageMakerService
from localcloud.service import Service
from localcloud.template.assembly import Assembly

SERVICES: tuple[type[Service], ...] = (
    CloudWatchService,
    SageMakerService,
    ApplicationAutoScalingService,
)
ACCOUNT = "123456789012"
_DOCKERFILE = 'FROM python:3.11\nCOPY . /app\nENTRYPOINT ["python", "/app/main.py"]\n'


class Events(Service):
    """An event bus that only keeps what it is given."""

    service_name = "events"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.emitted: list[dict[str, Any]] = []
        account.events.connect(self.emit)

    def emit(self, source: str, detail_type: str, detail: Any, resources: Iterable[str]) -> None:
        # What can't be an event's JSON must not get this far.
        event = {"type": detail_type, **json.loads(json.dumps(detail))}
        if source != "aws.cloudwatch":
            assert source == "aws.sagemaker"
            self.emitted.append(event)


class Bench:
    """A cloud under test, and short ways to make what a job needs."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        cloud.account.assets = self.assembly = Assembly(folder, [], [], [])
        self.sagemaker = cloud.client("sagemaker")
        self.s3 = cloud.client("s3")
        self.service = cloud.service(SageMakerService)
        self.events = cloud.service(Events)
        self.role_arn = self.role("job-role", "s3:*", "logs:*")

    def role(self, name: str, *actions: str) -> str:
        """A role that SageMaker may assume, allowed `actions` on everything."""
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        grant = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        iam = self.cloud.client("iam")
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        iam.put_role_policy(
            RoleName=name,
            PolicyName="grants",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [grant]}),
        )
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def image(self, name: str, program: str, dockerfile: str = "") -> str:
        """The URI of an image whose /app/main.py is `program`."""
        dockerfile = dockerfile or _DOCKERFILE
        tag = f"{name}-{hashlib.sha256((program + dockerfile).encode()).hexdigest()[:12]}"
        directory = self.folder / "assets" / tag
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "main.py").write_text(program)
        (directory / "Dockerfile").write_text(dockerfile)
        asset = ImageAsset(tag, directory, "Dockerfile", {}, None, "assets", tag)
        self.assembly.images[tag] = asset
        return f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/assets:{tag}"

    def train(self, name: str, image: str, **members: Any) -> str:
        """CreateTrainingJob with what every job has, unless `members` say otherwise."""
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "RoleArn": self.role_arn,
            "OutputDataConfig": {"S3OutputPath": "s3://lake/runs"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return str(self.sagemaker.create_training_job(**{**request, **members})["TrainingJobArn"])

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return found

    def wait_for(
        self, condition: Callable[[], Any], timeout_seconds: float = 30, what: str = "it"
    ) -> Any:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"{what} has not happened in {timeout_seconds} s")

    def finished(self, name: str, timeout_seconds: float = 40) -> dict[str, Any]:
        """The job's description once it is over."""

        def over() -> dict[str, Any] | None:
            job = self.describe(name)
            return job if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        found: dict[str, Any] = self.wait_for(over, timeout_seconds, f"the end of {name}")
        return found

    def in_training(self, name: str) -> None:
        self.wait_for(lambda: self.describe(name)["SecondaryStatus"] == "Training")

    def keys(self, prefix: str, bucket: str = "lake") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def read(self, key: str, bucket: str = "lake") -> bytes:
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One cloud for a module's tests: each uses names of its own."""
    folder = tmp_path_factory.mktemp("cloud")
    cloud = Cloud(
        work_dir=folder / "work",
        account=ACCOUNT,
        region="us-east-1",
        services=[Events, *SERVICES],
    )
    cloud.start()
    try:
        made = Bench(cloud, folder)
        made.s3.create_bucket(Bucket="lake")
        yield made
    finally:
        cloud.stop()
    assert cloud.account.processes._running == {}
