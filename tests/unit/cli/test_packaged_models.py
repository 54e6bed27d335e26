"""A real model from a package: found, or told how to get it; registered as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.account import Account
from cli.base_models import BaseModels
from cli.main import app
from cli.packaged_models import SMOLLM2, packaged_model
from meguru.base_model import BaseModel, Shape, Source
from stacks.environment import read_environment

MODEL = BaseModel(
    name="smollm2",
    revision="0" * 16,
    source=Source("gguf", "a.gguf", ""),
    licence="Apache-2.0",
    architecture="LlamaForCausalLM",
    num_parameters=1,
    dtype="bfloat16",
    context_tokens=64,
    has_chat_template=True,
    shape=Shape(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=300,
        tie_word_embeddings=True,
    ),
    files=(),
)


def test_a_package_that_is_not_installed_is_told_how_to_get() -> None:
    absent = dataclasses.replace(SMOLLM2, package="no_such_package")
    with pytest.raises(
        ValueError, match="SmolLM2-135M-Instruct isn't installed: run `make models`"
    ):
        absent.find()
    # Nor one that is there without its file, or is no folder.
    for package in ("email", "this"):
        with pytest.raises(ValueError, match="make models"):
            dataclasses.replace(SMOLLM2, package=package).find()


def test_a_package_s_file_is_found() -> None:
    there = dataclasses.replace(SMOLLM2, package="email", file="message.py")
    assert there.find().is_file()


def test_its_environment_trains_it(poc: Path) -> None:
    environment = read_environment(SMOLLM2.environment_file)
    assert SMOLLM2.key_in(environment) == "smollm2"
    with pytest.raises(ValueError, match=r"no model of the environment 'poc' has `base: smollm2`"):
        SMOLLM2.key_in(read_environment(poc))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "gpt"), "error: --model gpt: no package with this model is known, only smoll"),
        (("--model", "smollm2", "--empty"), "error: --empty is without a model"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.main.end_on_signals", lambda **options: None)
    result = CliRunner().invoke(app, ["up", *words])
    assert result.exit_code == 1 and said in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_the_models_name_is_known() -> None:
    assert packaged_model("smollm2") is SMOLLM2


class FakeSageMaker:
    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def create_model_package(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"ModelPackageArn": "arn:package/1"}


class FakeAccount(Account):
    outputs = {  # noqa: RUF012
        "LakeBucket": "lake",
        "InferenceImageUri": "image",
        "ModelPackageGroup": "group",
        "ModelKind": "text",
        "ModelName": "smollm2",
    }

    def __init__(self) -> None:
        super().__init__("poc")
        self.sagemaker = FakeSageMaker()

    def client(self, service: str) -> Any:
        assert service == "sagemaker"
        return self.sagemaker


def test_a_base_model_is_registered_as_it_lies_in_the_lake() -> None:
    account = FakeAccount()
    assert BaseModels(account).register(MODEL) == "arn:package/1"
    [request] = account.sagemaker.requests
    [container] = request["InferenceSpecification"]["Containers"]
    assert container["Image"] == "image"
    assert container["ModelDataSource"]["S3DataSource"]["S3Uri"] == (
        f"s3://lake/models/base/smollm2/{'0' * 16}/"
    )
    # Nobody has judged it: a person does, and nothing serves before.
    assert request["ModelApprovalStatus"] == "PendingManualApproval"
    assert request["CustomerMetadataProperties"]["base_model"] == f"smollm2@{'0' * 16}"


def test_an_embedding_model_becomes_no_version_of_a_text_model() -> None:
    account = FakeAccount()
    encoder = dataclasses.replace(MODEL, name="e5-small", architecture="BertModel")
    with pytest.raises(ValueError, match=r"e5-small is of kind embedding, and smollm2 of kind te"):
        BaseModels(account).register(encoder)
    assert account.sagemaker.requests == []
    account.outputs = {**account.outputs, "ModelKind": "embedding"}
    BaseModels(account).register(encoder)
    [request] = account.sagemaker.requests
    specification = request["InferenceSpecification"]
    assert specification["SupportedResponseMIMETypes"] == ["application/json"]
