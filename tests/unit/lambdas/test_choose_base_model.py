"""A run begins from the newest revision of its base model, if that fits its instances."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from lambdas.choose_base_model import handler as function
from meguru.base_model import BaseModel, ModelFile, Shape, Source, revision_of
from meguru.model_plan import NOMINAL_SHAPES
from meguru.names import base_model_head_key, base_model_manifest_key

LORA = {"method": "lora", "max_position_embeddings": 2048, "activation_checkpointing": 1}


def put(key: str, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket="lake", Key=key, Body=content)


def put_model(shape: Shape, digit: str = "0", architecture: str = "LlamaForCausalLM") -> BaseModel:
    files = (ModelFile("model.safetensors", digit * 64, 1),)
    model = BaseModel(
        name="tiny",
        revision=revision_of(files),
        source=Source("folder", "/models/tiny"),
        licence="Apache-2.0",
        architecture=architecture,
        num_parameters=shape.num_parameters,
        dtype="bfloat16",
        context_tokens=8192,
        has_chat_template=True,
        shape=shape,
        files=files,
    )
    put(base_model_manifest_key("tiny", model.revision), model.to_json())
    put(base_model_head_key("tiny"), json.dumps({"revision": model.revision}).encode())
    return model


@pytest.fixture
def choose(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, str]]]:
    function.s3.cache_clear()
    monkeypatch.setenv("BASE_MODEL", "tiny")
    monkeypatch.setenv("BASE_REVISION", "")

    def run(
        instance_type: str = "ml.g5.xlarge",
        fall_backs: tuple[str, ...] = (),
        **hyperparameters: Any,
    ) -> dict[str, str]:
        training = {
            "instances": [(one, 1) for one in (instance_type, *fall_backs)],
            "hyperparameters": hyperparameters,
        }
        monkeypatch.setenv("TRAINING", json.dumps(training))
        return function.handler({}, None)

    yield run
    function.s3.cache_clear()


def test_the_newest_revision_is_chosen(choose: Callable[..., dict[str, str]]) -> None:
    put_model(NOMINAL_SHAPES["0.1B"], "1")
    newest = put_model(NOMINAL_SHAPES["0.1B"], "2")
    assert choose(**LORA) == {
        "uri": f"s3://lake/models/base/tiny/{newest.revision}/",
        "name": "tiny",
        "revision": newest.revision,
        "licence": "Apache-2.0",
    }


def test_a_revision_that_is_named_is_chosen(
    choose: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    older = put_model(NOMINAL_SHAPES["0.1B"], "1")
    put_model(NOMINAL_SHAPES["0.1B"], "2")
    monkeypatch.setenv("BASE_REVISION", older.revision)
    assert choose(**LORA)["uri"] == f"s3://lake/models/base/tiny/{older.revision}/"
    monkeypatch.setenv("BASE_REVISION", "0" * 16)
    said = r"no revision 0{16} of the base model 'tiny' .*`meguru model show tiny`"
    with pytest.raises(function.BaseModelRefused, match=said):
        choose(**LORA)


def test_what_is_not_in_the_lake_is_refused(choose: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(function.BaseModelRefused, match=r"no base model 'tiny' .*meguru model add"):
        choose()
    put(base_model_head_key("tiny"), b"{}")
    with pytest.raises(function.BaseModelRefused, match="the base model 'tiny': "):
        choose()


def test_what_does_not_fit_is_refused(choose: Callable[..., dict[str, str]]) -> None:
    put_model(NOMINAL_SHAPES["8B"])
    said = r"'tiny' doesn't fit: the training needs .* on each GPU, and ml.g5.xlarge has 22.1 GiB"
    with pytest.raises(function.BaseModelRefused, match=said):
        choose(**{**LORA, "method": "full"})
    assert choose("ml.g6e.2xlarge", **LORA)["name"] == "tiny"
    # What an instance type has that isn't known is left to the training.
    assert choose("ml.p5en.48xlarge", method="full")["name"] == "tiny"


def test_what_it_falls_back_to_has_to_fit_too(choose: Callable[..., dict[str, str]]) -> None:
    put_model(NOMINAL_SHAPES["8B"])
    assert choose("ml.g6e.xlarge", ("ml.g6e.2xlarge",), **LORA)["name"] == "tiny"
    with pytest.raises(function.BaseModelRefused, match="doesn't fit"):
        choose("ml.g6e.xlarge", ("ml.g6e.2xlarge", "ml.g4dn.xlarge"), **LORA)


def test_what_makes_embeddings_is_not_trained(choose: Callable[..., dict[str, str]]) -> None:
    put_model(NOMINAL_SHAPES["0.5B"], architecture="XLMRobertaModel")
    with pytest.raises(function.BaseModelRefused, match="'tiny' makes embeddings, and is not tr"):
        choose()
