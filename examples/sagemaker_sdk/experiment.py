"""An experiment with the SageMaker Python SDK: the loop's image, its data, its registry.

It trains on the newest dataset version with hyperparameters of your own, and registers the model
beside the loop's, to wait for approval. It is the same in AWS and on a local cloud: with
AWS_ENDPOINT_URL set, every call goes there. Needs the SDK alone, none of this repository's code.
"""

from __future__ import annotations

import argparse
import json
import os
import uuid
from typing import Any

# The role may read and write the lake's prefixes that a training needs; the SDK would ask IAM
# whether it may do anything anywhere, and refuse it.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.model_registry import create_model_package_from_containers
from sagemaker.core.shapes import OutputDataConfig, StoppingCondition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import CheckpointConfig, Compute, InputData

DATASET = "text"


def outputs_of(environment: str, model: str) -> dict[str, str]:
    """What the stacks of the lake and of the model say of themselves."""
    cloudformation = boto3.client("cloudformation")
    found: dict[str, str] = {}
    for name in ("Lake", f"Model-{model}"):
        [stack] = cloudformation.describe_stacks(StackName=f"Meguru-{environment}-{name}")["Stacks"]
        found |= {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    return found


def newest_version(bucket: str) -> str:
    """The dataset version that the loop trains on now."""
    head = boto3.client("s3").get_object(Bucket=bucket, Key=f"datasets/{DATASET}/HEAD")
    version: str = json.loads(head["Body"].read())["version"]
    return version


def train(given: argparse.Namespace, outputs: dict[str, str], version: str) -> Any:
    """The training job, once it has ended well; the SDK raises where it hasn't."""
    lake = f"s3://{outputs['LakeBucket']}"
    # A job goes on from checkpoints that it finds: those of another are not its own.
    run = f"{given.name}-{uuid.uuid4().hex[:8]}"
    trainer = ModelTrainer(
        sagemaker_session=Session(default_bucket=outputs["LakeBucket"]),
        # The image starts its own program: there is no source code to bring.
        training_image=outputs["TrainingImage"],
        role=outputs["TrainingRoleArn"],
        base_job_name=given.name,
        compute=Compute(
            instance_type=given.instance_type, instance_count=1, volume_size_in_gb=given.volume_gb
        ),
        hyperparameters=dict(one.split("=", 1) for one in given.set),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=given.minutes * 60),
        output_data_config=OutputDataConfig(s3_output_path=f"{lake}/runs/{run}/model"),
        checkpoint_config=CheckpointConfig(s3_uri=f"{lake}/checkpoints/{run}"),
    )
    dataset = f"{lake}/datasets/{DATASET}/{version}/"
    trainer.train([InputData(channel_name="dataset", data_source=dataset)], logs=given.logs)
    return trainer._latest_training_job


def register(outputs: dict[str, str], job: Any, version: str) -> str:
    """The ARN of the model version, which waits for a person as those of the loop do."""
    container = {
        "Image": outputs["InferenceImage"],
        "ModelDataUrl": job.model_artifacts.s3_model_artifacts,
    }
    # Not ModelPackage.create: 3.27 looks for a name in the answer, which a group's versions lack.
    package = create_model_package_from_containers(
        Session(default_bucket=outputs["LakeBucket"]),
        containers=[container],
        content_types=["application/json"],
        response_types=["application/json", "text/event-stream"],
        model_package_group_name=outputs["ModelPackageGroup"],
        approval_status="PendingManualApproval",
        description=f"Experiment {job.training_job_name}",
        customer_metadata_properties={
            "training_job": job.training_job_name,
            "dataset": DATASET,
            "dataset_version": version,
            "source_commit": outputs["SourceCommit"],
            "reason": "experiment",
        },
    )
    arn: str = package["ModelPackageArn"]
    return arn


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environment", default="poc", help="the name in the environment file")
    parser.add_argument("--model", default="meguru-text", help="the model's key in it")
    parser.add_argument("--name", default="experiment", help="what the job's name begins with")
    parser.add_argument("--instance-type", default="ml.m5.xlarge")
    parser.add_argument("--volume-gb", type=int, default=50)
    parser.add_argument("--minutes", type=int, default=60, help="the longest it may take")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="hyperparameters of the job"
    )
    parser.add_argument("--logs", action="store_true", help="show the job's log while it runs")
    return parser.parse_args()


def main() -> None:
    given = parsed()
    outputs = outputs_of(given.environment, given.model)
    version = newest_version(outputs["LakeBucket"])
    job = train(given, outputs, version)
    package = register(outputs, job, version)
    told = {
        "training_job": job.training_job_name,
        "dataset_version": version,
        "model_package": package,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
