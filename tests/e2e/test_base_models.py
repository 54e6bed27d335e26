"""A base model goes into the lake by its job; an adapter of it is trained, approved and served."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.account import Account
from cli.base_models import BaseModels, read_source
from cli.cloud_process import CloudProcess
from cli.consumers import Consumers
from cli.loop import LoopFailed
from cli.synthesis import REPOSITORY, synthesize
from meguru.base_model import verify
from meguru.names import endpoint_log_name
from tests.e2e.loop_cloud import LoopCloud
from tests.unit.base_models.conftest import write_model, write_tokenizer

DOCUMENTS = [
    {
        "question": f"When is form {n} due?",
        "phrasings": [f"By when is form {n} needed?", f"Form {n}: when is the deadline?"],
        "answer": f"On day {n}.",
    }
    for n in range(1, 7)
]


def small_assembly(folder: Path) -> Path:
    """environments/poc.yaml with one model, an adapter of the base model `tiny`, and no floor."""
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    [model] = values["models"].values()
    model["base"] = "tiny"
    # There is no GPU here: our own engine stands in behind its entrypoint.
    model["engine"], model["endpoint"]["instance_type"] = "vllm", "ml.g6.2xlarge"
    hyperparameters = {
        "method": "lora",
        "lora_rank": 4,
        "max_steps": 3,
        "batch_size": 4,
        "max_position_embeddings": 128,
    }
    model["training"] |= {"hyperparameters": hyperparameters, "instance_count": 1}
    del model["training"]["continued_hyperparameters"]
    model["gate"]["minimum"] = {"exact_match": 0.0}
    # A model of random weights has nothing to say.
    model["endpoint"]["release"]["smoke_test"] = []
    file = folder / "base.yaml"
    file.write_text(yaml.safe_dump({**values, "name": "base"}))
    return synthesize(file, folder / "cdk.out")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopCloud]:
    folder = tmp_path_factory.mktemp("base")
    with CloudProcess(small_assembly(folder), port=0, log=folder / "log") as process:
        account = Account("base", process.endpoint_url)
        yield LoopCloud(account.with_key(Consumers(account).add("tests")))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    write_model(folder, tied=True)
    write_tokenizer(folder)
    return folder


def add(cloud: LoopCloud, source: Path) -> dict[str, Any]:
    return BaseModels(cloud.account).add(read_source(str(source)), "tiny", "MIT", print)


def keys(cloud: LoopCloud, prefix: str) -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["LakeBucket"], Prefix=prefix)
    return [one["Key"] for one in listed.get("Contents", [])]


def train(cloud: LoopCloud, version: str) -> str:
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["TrainAndRegisterArn"],
        input=json.dumps({"detail": {"version": version}}),
    )
    return str(started["executionArn"])


def test_what_is_wrong_leaves_nothing(cloud: LoopCloud, source: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(source, tmp_path / "damaged"))
    with (damaged / "model.safetensors").open("rb+") as file:
        file.truncate(1000)
    with pytest.raises(LoopFailed, match=r"model\.safetensors"):
        add(cloud, damaged)
    assert keys(cloud, "models/") == []
    # No run is paid for without it.
    with pytest.raises(LoopFailed, match=r"no base model 'tiny' is in the lake: `meguru model add"):
        cloud.loop.finished(train(cloud, "0" * 64))
    with pytest.raises(ValueError, match=r"no base model 'tiny' .*there are: none yet"):
        BaseModels(cloud.account).head("tiny")


def test_a_model_is_added_once_and_an_adapter_of_it_serves(
    cloud: LoopCloud, source: Path, tmp_path: Path
) -> None:
    added = add(cloud, source)
    again = add(cloud, source)
    assert (added["is_new"], again["is_new"]) == (True, False)
    assert again["revision"] == added["revision"]
    assert [note for note in added["notes"] if "tied" in note]
    models = BaseModels(cloud.account)
    assert models.names() == ["tiny"] and models.revisions("tiny") == [added["revision"]]
    assert models.head("tiny").licence == "MIT"
    assert keys(cloud, "models/incoming/") == []
    bucket, prefix = cloud.outputs["LakeBucket"], f"models/base/tiny/{added['revision']}/"
    for key in keys(cloud, prefix):
        file = str(tmp_path / key.removeprefix(prefix))
        cloud.client("s3").download_file(bucket, key, file)
    assert verify(tmp_path) == models.head("tiny")

    lines = "".join(json.dumps(one) + "\n" for one in DOCUMENTS)
    cloud.client("s3").put_object(Bucket=bucket, Key="raw/forms.jsonl", Body=lines.encode())
    version = cloud.loop.dataset_version()
    outcome = cloud.loop.registered(cloud.loop.training_run(version)["executionArn"])
    [base] = [
        channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in cloud.loop.training_job(version)["InputDataConfig"]
        if channel["ChannelName"] == "base"
    ]
    assert base == f"s3://{bucket}/{prefix}"
    package = cloud.loop.model_package(outcome["model_package_arn"])
    metadata = package["CustomerMetadataProperties"]
    assert metadata["base_model"] == f"tiny@{added['revision']}"
    assert metadata["base_model_licence"] == "MIT"
    assert metadata["base_uri"] == base

    [container] = package["InferenceSpecification"]["Containers"]
    key = container["ModelDataUrl"].removeprefix(f"s3://{bucket}/")
    with tarfile.open(fileobj=io.BytesIO(cloud.loop.read(key))) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {"adapter/adapter_model.safetensors", "manifest.json"} <= names
    assert "model.safetensors" not in names
    cloud.loop.approve(outcome["model_package_arn"])
    cloud.loop.released(outcome["model_package_arn"])
    answer = cloud.openai_client().chat.completions.create(
        model=cloud.outputs["ModelName"],
        messages=[{"role": "user", "content": "When is form 1 due?"}],
        max_tokens=4,
    )
    assert answer.usage and answer.usage.completion_tokens > 0
    [served] = cloud.client("sagemaker").list_models()["Models"]
    model = cloud.client("sagemaker").describe_model(ModelName=served["ModelName"])
    [beside] = model["PrimaryContainer"]["AdditionalModelDataSources"]
    assert beside["S3DataSource"]["S3Uri"] == base
    logged = cloud.client("logs").filter_log_events(
        logGroupName=endpoint_log_name(cloud.outputs["EndpointName"])
    )
    assert any("our own engine stands in" in one["message"] for one in logged["events"])
