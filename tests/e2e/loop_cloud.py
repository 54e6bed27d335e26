"""The loop on a local cloud with everything made small, so that one turn takes seconds."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import openai
import yaml

from cli.account import Account
from cli.cloud_process import CloudProcess
from cli.consumers import Consumers
from cli.loop import Loop
from cli.synthesis import REPOSITORY, synthesize
from meguru.names import api_name, stage_name

# The longest names that are legal: what is composed of them has to fit everywhere in AWS.
NAME = "trial-with-long-name"
MODEL = "model-with-long-name"
SECOND_MODEL = "second"
# Drawn of both, and both compared.
EITHER, BOTH = "either", "both"
# As environments/poc.yaml declares it.
CONSUMER = "example-app"
# A page from here may read what the API answers.
PAGE = "https://chat.example.co.jp"
DEADLINE_SECONDS = 120
# What keeps the response cache out of a test.
NO_STORE = {"cache-control": "no-store"}
# What a client's rules may ask for: the loop turns with it, whatever this machine can't simulate.
GUARDED: dict[str, Any] = {
    "permissions_boundary": "of-the-client",
    "role_name_prefix": "prefix-of-20-letters",
    "reserved_concurrency": {"answer_request": 50},
    "network": {
        "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
        "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
        "isolation": True,
        "encrypt_between_hosts": True,
    },
}
Found = TypeVar("Found")
SIZES: dict[str, Any] = {
    "vocab_size": 330,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 128,
}


# What a model says that was never trained passes no smoke test.
UNTRAINED = {"release": {"bake_seconds": 0, "poll_seconds": 1, "smoke_test": []}}


def synthesize_trial(
    folder: Path, endpoint: dict[str, Any] | None = None, guard: dict[str, Any] | None = None
) -> Path:
    """The assembly of environments/poc.yaml with two tiny models, no floor, and a wide rate.

    `endpoint` are other values of the models' endpoints, `guard` those of the API's guard.
    """
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    [model] = values["models"].values()
    model["training"]["hyperparameters"] = {**SIZES, "max_steps": 60, "checkpoint_steps": 5}
    model["gate"]["minimum"] = {"exact_match": 0.0}
    # Rules that a client may have, and that start nothing until something happens.
    model["retrain"] |= {"falling_quality": {"answers": 3, "hours": 1}, "on_commit": True}
    values["name"], values["models"] = NAME, {MODEL: model, SECOND_MODEL: model}
    values |= GUARDED
    model["endpoint"] |= endpoint or {}
    values["api"]["guard"] = guard or {}
    aliases = {EITHER: {MODEL: 1, SECOND_MODEL: 1}, BOTH: [MODEL, SECOND_MODEL]}
    wide = {"requests_per_second": 500, "burst": 1000}
    values["api"] |= {**wide, "cors": [PAGE], "aliases": aliases}
    file = folder / "trial.yaml"
    file.write_text(yaml.safe_dump(values))
    return synthesize(file, folder / "cdk.out")


def make_model_archive(folder: Path, texts: list[str], seed: int = 3, **sizes: int) -> bytes:
    """A random model as a training job leaves it: model.tar.gz; `sizes` instead of ours."""
    # Torch takes seconds to import: only where a model is made.
    import torch

    from meguru.hyperparameters import Hyperparameters
    from training.model import make_model, save_model
    from training.tokenizer import train_tokenizer

    torch.manual_seed(seed)
    settings = Hyperparameters(**SIZES | sizes)
    tokenizer = train_tokenizer(texts, settings.vocab_size)
    save_model(folder, make_model(tokenizer, settings), tokenizer)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return buffer.getvalue()


@contextmanager
def loop_cloud(assembly: Path, log: Path) -> Iterator[LoopCloud]:
    """The assembly on a local cloud of its own process."""
    with CloudProcess(assembly, port=0, log=log) as process:
        account = Account(NAME, process.endpoint_url, MODEL)
        yield LoopCloud(account.with_key(Consumers(account).add(CONSUMER)))


class LoopCloud:
    """A running environment: its registry, endpoint, API and tables as a person reaches them."""

    def __init__(self, account: Account) -> None:
        self.account, self.loop = account, Loop(account, DEADLINE_SECONDS)

    def of_model(self, key: str) -> LoopCloud:
        """The same environment, with another model's registry and endpoint."""
        return LoopCloud(self.account.of_model(key))

    def client(self, service: str) -> Any:
        return self.account.client(service)

    @property
    def outputs(self) -> dict[str, str]:
        return self.account.outputs

    @property
    def endpoint_url(self) -> str:
        assert self.account.endpoint_url is not None
        return self.account.endpoint_url

    def definition(self, workflow: str) -> dict[str, Any]:
        """A state machine's definition, by the name of its output less `Arn`."""
        described = self.client("stepfunctions").describe_state_machine(
            stateMachineArn=self.outputs[f"{workflow}Arn"]
        )
        definition: dict[str, Any] = json.loads(described["definition"])
        return definition

    @cached_property
    def inference_image(self) -> str:
        register = self.definition("TrainAndRegister")["States"]["RegisterModel"]["Arguments"]
        return str(register["InferenceSpecification"]["Containers"][0]["Image"])

    def put_model(self, archive: bytes, key: str = "runs/trial/model.tar.gz") -> str:
        bucket = self.outputs["LakeBucket"]
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=archive)
        return f"s3://{bucket}/{key}"

    def register(self, model_uri: str) -> str:
        """A model version that waits for approval; its ARN."""
        package = self.client("sagemaker").create_model_package(
            ModelPackageGroupName=self.outputs["ModelPackageGroup"],
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [{"Image": self.inference_image, "ModelDataUrl": model_uri}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json", "text/event-stream"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            },
        )
        return str(package["ModelPackageArn"])

    def decide(self, arn: str, status: str, **changes: Any) -> None:
        """What a person does in the console: Approved, Rejected, PendingManualApproval."""
        self.client("sagemaker").update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=status, **changes
        )

    def releases(self) -> list[dict[str, Any]]:
        """Every execution of the release workflow, the oldest first."""
        states = self.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.outputs["DeployModelVersionArn"])
        found = [
            states.describe_execution(executionArn=one["executionArn"])
            for one in listed["executions"]
        ]
        return sorted(found, key=lambda execution: execution["startDate"])

    def wait_until_idle(self, num_releases: int) -> list[dict[str, Any]]:
        """Until this many releases have begun and all have ended."""

        def look() -> list[dict[str, Any]] | None:
            found = self.releases()
            running = [one for one in found if one["status"] == "RUNNING"]
            return found if len(found) >= num_releases and not running else None

        return self.wait(look, f"{num_releases} releases to end")

    def wait(self, look: Callable[[], Found | None], what: str) -> Found:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.2)
        raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what}")

    def serving(self) -> str | None:
        """The model version that answers, as the endpoint's own config has it."""
        sagemaker = self.client("sagemaker")
        names = [one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]]
        if self.outputs["EndpointName"] not in names:
            return None
        endpoint = sagemaker.describe_endpoint(EndpointName=self.outputs["EndpointName"])
        config = sagemaker.describe_endpoint_config(
            EndpointConfigName=endpoint["EndpointConfigName"]
        )
        [variant] = config["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        return str(model["PrimaryContainer"]["ModelPackageName"])

    def release_record(self) -> dict[str, Any]:
        key = {"endpoint_name": {"S": self.outputs["EndpointName"]}}
        item = self.client("dynamodb").get_item(TableName=self.outputs["ReleaseTable"], Key=key)
        return {name: next(iter(value.values())) for name, value in item.get("Item", {}).items()}

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table, by the name of its output less `Table`."""
        scanned = self.client("dynamodb").scan(TableName=self.outputs[f"{table}Table"])
        return list(scanned["Items"])

    def counts(self) -> dict[str, int]:
        """How much is recorded: what a refused request must leave as it is."""
        tables = {name: len(self.items(name)) for name in ("Inference", "Feedback")}
        listed = self.client("s3").list_objects_v2(
            Bucket=self.outputs["LakeBucket"], Prefix="feedback/"
        )
        return {**tables, "lake": listed["KeyCount"]}

    def openai_client(self, api_key: str | None = None, **settings: Any) -> openai.OpenAI:
        """An unmodified client, with the declared consumer's key unless another is given.

        It has each answer made anew, unless its headers say otherwise.
        """
        defaults = {"max_retries": 0, "timeout": 60, "default_headers": NO_STORE}
        return openai.OpenAI(
            base_url=self.outputs["ApiBase"],
            api_key=api_key or self.account.api_key,
            **{**defaults, **settings},
        )

    def create_key(self, name: str, *, rate: float = 100, burst: int = 100, quota: int = 0) -> str:
        """The key of a consumer made at run time, with a usage plan of its own on the stage."""
        gateway = self.client("apigateway")
        [api] = [a for a in gateway.get_rest_apis()["items"] if a["name"] == api_name(NAME)]
        plan = gateway.create_usage_plan(
            name=name,
            apiStages=[{"apiId": api["id"], "stage": stage_name(NAME)}],
            throttle={"rateLimit": rate, "burstLimit": burst},
            **({"quota": {"limit": quota, "period": "DAY"}} if quota else {}),
        )
        return Consumers(self.account, plan["id"]).add(name)
