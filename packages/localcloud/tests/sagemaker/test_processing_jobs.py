"""Processing jobs: inputs, outputs, messages, limits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

PROGRAM = """
import json, os, sys
root = os.environ["SAGEMAKER_BASE_DIR"]
source, target = sys.argv[1:]
config = json.load(open(f"{root}/config/resourceconfig.json"))
index = config["hosts"].index(config["current_host"])
for name in os.listdir(source):
    text = open(f"{source}/{name}").read()
    open(f"{target}/{name}", "w").write(text.upper() + os.environ["SUFFIX"] + str(index))
open(f"{root}/output/message", "w").write("all in capitals")
"""


def _process(bench: Bench, name: str, image: str, **members: Any) -> None:
    request = {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerArguments": ["/opt/ml/processing/in", "/opt/ml/processing/out"],
        },
        "RoleArn": bench.role_arn,
        "Environment": {"SUFFIX": "!"},
        "ProcessingInputs": [
            {
                "InputName": "documents",
                "S3Input": {
                    "S3Uri": "s3://lake/documents/",
                    "LocalPath": "/opt/ml/processing/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "ShardedByS3Key",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "capitals",
                    "S3Output": {
                        "S3Uri": f"s3://lake/{name}",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 2,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
    }
    bench.sagemaker.create_processing_job(**{**request, **members})


def _finished(bench: Bench, name: str) -> Any:
    def over() -> Any:
        job = bench.sagemaker.describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return bench.wait_for(over)


def test_two_hosts_share_the_input(bench: Bench) -> None:
    bench.s3.put_object(Bucket="lake", Key="documents/a", Body=b"one")
    bench.s3.put_object(Bucket="lake", Key="documents/b", Body=b"two")
    _process(bench, "shout", bench.image("shout", PROGRAM))
    job = _finished(bench, "shout")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "all in capitals"
    assert (bench.read("shout/a"), bench.read("shout/b")) == (b"ONE!0", b"TWO!1")
    statuses = [
        event["ProcessingJobStatus"]
        for event in bench.events.emitted
        if event.get("ProcessingJobName") == "shout"
    ]
    assert statuses[0] == "InProgress" and statuses[-1] == "Completed"


def test_a_failure_says_why(bench: Bench) -> None:
    program = PROGRAM + "\nsys.exit(4)"
    _process(bench, "fails", bench.image("fails", program), ProcessingInputs=[])
    job = _finished(bench, "fails")
    assert job["ProcessingJobStatus"] == "Failed" and "exit code: 1" in job["FailureReason"]
    assert "FileNotFoundError" in job["FailureReason"]


@pytest.mark.parametrize("other", ["faq/a.csv", "FAQ" * 86])
def test_a_key_that_no_file_takes_fails_the_job_as_the_client_s(bench: Bench, other: str) -> None:
    name = f"keys-{len(other)}"
    for key in ("faq", other):
        bench.s3.put_object(Bucket="lake", Key=f"{name}/{key}", Body=b"x")
    source = {
        "S3Uri": f"s3://lake/{name}/",
        "LocalPath": "/opt/ml/processing/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    inputs = [{"InputName": "documents", "S3Input": source}]
    _process(bench, name, bench.image("unused", "pass"), ProcessingInputs=inputs)
    reason = _finished(bench, name)["FailureReason"]
    assert reason.startswith(f"ClientError: Data download failed: the S3 key {name}/")
    assert reason.endswith(": rename the object") and "can't be a file's name" in reason


def test_stop_and_time_limit(bench: Bench) -> None:
    image = bench.image("sleeps", "import time; time.sleep(600)")
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": 100}, "ProcessingInputs": []}
    _process(bench, "stopped", image, **limit)
    bench.sagemaker.stop_processing_job(ProcessingJobName="stopped")
    assert _finished(bench, "stopped")["ProcessingJobStatus"] == "Stopped"
    _process(bench, "long", image, **limit)
    describe = bench.sagemaker.describe_processing_job
    bench.wait_for(lambda: "ProcessingStartTime" in describe(ProcessingJobName="long"))
    bench.wait_for(lambda: bench.cloud.account.processes._running)
    bench.cloud.clock.advance(timedelta(seconds=200))
    assert _finished(bench, "long")["ExitMessage"] == "MaxRuntimeExceeded"


def test_a_path_outside_processing_is_refused(bench: Bench) -> None:
    output = {
        "OutputName": "escape",
        "S3Output": {
            "S3Uri": "s3://lake/x",
            "LocalPath": "/opt/ml/processing/../../etc",
            "S3UploadMode": "EndOfJob",
        },
    }
    with pytest.raises(ClientError, match="must be a path under /opt/ml/processing"):
        _process(
            bench,
            "escape",
            bench.image("quick", "pass"),
            ProcessingOutputConfig={"Outputs": [output]},
        )
