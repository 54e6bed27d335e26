"""The SageMaker Python SDK as it is, against a local cloud: `make test-sdk`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION
from cli.synthesis import REPOSITORY
from tests.e2e.loop_cloud import MODEL, NAME, SIZES, LoopCloud, loop_cloud

SDK = REPOSITORY / ".venv-sdk" / "bin" / "python"
EXPERIMENT = REPOSITORY / "examples" / "sagemaker_sdk" / "experiment.py"
# A training of its own for each model, and the experiment's, on two processors.
TIMEOUT_SECONDS = 240
pytestmark = [
    pytest.mark.skipif(not SDK.exists(), reason="`make test-sdk` sets the SDK up"),
    pytest.mark.timeout(2 * TIMEOUT_SECONDS),
]


@pytest.fixture(scope="module")
def curated(
    trial_assembly: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LoopCloud, str]]:
    """An environment with a dataset version."""
    with loop_cloud(trial_assembly, tmp_path_factory.mktemp("sdk") / "log") as cloud:
        rows = [
            {
                "question": f"様式{number}番の締切はいつですか?",
                "answer": f"{number}日です。",
                "phrasings": [f"{number}番の締切は", f"締切 {number}番"],
            }
            for number in range(20)
        ]
        body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        bucket = cloud.outputs["LakeBucket"]
        cloud.client("s3").put_object(Bucket=bucket, Key="raw/a.jsonl", Body=body)
        yield cloud, cloud.loop.dataset_version()


def run_sdk(*words: str, **variables: str) -> str:
    """What a program prints that runs in the SDK's environment."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [SDK, *words],
        env=plain | variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def experiment(cloud: LoopCloud) -> dict[str, Any]:
    settings = {**SIZES, "max_steps": 5}
    said = run_sdk(
        str(EXPERIMENT),
        *("--environment", NAME, "--model", MODEL, "--name", "bigger-steps"),
        *("--set", *(f"{name}={value}" for name, value in settings.items())),
        AWS_ENDPOINT_URL=cloud.endpoint_url,
        AWS_DEFAULT_REGION=LOCAL_REGION,
        AWS_ACCESS_KEY_ID=LOCAL_CREDENTIALS["access_key_id"],
        AWS_SECRET_ACCESS_KEY=LOCAL_CREDENTIALS["secret_access_key"],
    )
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


def test_an_experiment_is_registered_beside_the_loop_s_models(
    curated: tuple[LoopCloud, str],
) -> None:
    cloud, version = curated
    told = experiment(cloud)
    assert told["dataset_version"] == version
    sagemaker = cloud.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=told["training_job"])
    training = cloud.definition("TrainAndRegister")["States"]["TrainModel"]["Arguments"]
    assert job["TrainingJobStatus"] == "Completed"
    image = job["AlgorithmSpecification"]["TrainingImage"]
    assert image == training["AlgorithmSpecification"]["TrainingImage"]
    assert job["RoleArn"] == training["RoleArn"]
    assert job["HyperParameters"]["max_steps"] == "5"
    [channel] = job["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"].endswith(f"/datasets/text/{version}/")
    package = sagemaker.describe_model_package(ModelPackageName=told["model_package"])
    assert package["ModelPackageGroupName"] == cloud.outputs["ModelPackageGroup"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["Image"] == cloud.inference_image
    assert container["ModelDataUrl"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    made_of = package["CustomerMetadataProperties"]
    assert made_of["training_job"] == told["training_job"]
    assert made_of["reason"] == "experiment"


def test_aws_s_image_is_one_of_the_sdk_s_tables() -> None:
    from stacks.constructs.deployment_grants import (
        BASE_IMAGE_ACCOUNT,
        BASE_IMAGE_REGION,
        BASE_IMAGE_REPOSITORY,
    )

    program = (
        "from sagemaker.core import image_uris; print(image_uris.retrieve('huggingface', "
        f"region='{BASE_IMAGE_REGION}', version='5.3.0', base_framework_version='pytorch2.9.0', "
        "image_scope='training', instance_type='ml.g5.xlarge'))"
    )
    said = run_sdk("-c", program, AWS_DEFAULT_REGION=BASE_IMAGE_REGION).splitlines()[-1]
    registry = f"{BASE_IMAGE_ACCOUNT}.dkr.ecr.{BASE_IMAGE_REGION}.amazonaws.com"
    assert said.partition(":")[0] == f"{registry}/{BASE_IMAGE_REPOSITORY}"
