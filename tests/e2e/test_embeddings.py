"""An embedding model of the lake is registered, approved, released, and asked by its API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import yaml

from cli.account import Account
from cli.base_models import BaseModels, read_source
from cli.cloud_process import CloudProcess
from cli.consumers import Consumers
from cli.loop import Loop, LoopFailed
from cli.synthesis import REPOSITORY, synthesize
from inference_containers.embedding.encoder import encode
from inference_containers.embedding.load import load
from tests.e2e.loop_cloud import LoopCloud
from tests.unit.encoders import DIMENSIONS, write_encoder

NAME, KEY = "embedding", "vectors"


def small_assembly(folder: Path) -> Path:
    """environments/poc.yaml with an embedding model, and a text model that begins from one."""
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    text = values["models"]["meguru-text"]
    endpoint = {"release": {"bake_seconds": 0, "poll_seconds": 1}}
    values["models"][KEY] = {"kind": "embedding", "base": "tiny", "endpoint": endpoint}
    values["models"]["wrong"] = text | {"base": "tiny"}
    file = folder / "embedding.yaml"
    file.write_text(yaml.safe_dump({**values, "name": NAME}))
    return synthesize(file, folder / "cdk.out")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[LoopCloud]:
    """The tiny encoder serves; a text model serves nothing."""
    folder = tmp_path_factory.mktemp(NAME)
    with CloudProcess(small_assembly(folder), port=0, log=folder / "log") as process:
        account = Account(NAME, process.endpoint_url, KEY)
        models, loop = BaseModels(account), Loop(account)
        models.add(read_source(str(source)), "tiny", "MIT", print)
        version = models.register(models.head("tiny"))
        loop.approve(version)
        loop.released(version)
        yield LoopCloud(account.with_key(Consumers(account).add("tests")))


def embed(cloud: LoopCloud, given: Any, **members: Any) -> Any:
    return cloud.openai_client().embeddings.create(model=KEY, input=given, **members)


def test_openai_s_client_gets_the_model_s_vectors(cloud: LoopCloud, source: Path) -> None:
    # The client asks for base64 by itself.
    answer = embed(cloud, ["経費", "旅費"])
    loaded = load(source)
    ids = [one.ids for one in loaded.tokenizer.encode_batch(["経費", "旅費"])]
    assert np.allclose([one.embedding for one in answer.data], encode(loaded, ids), atol=1e-5)
    assert answer.model == KEY and answer.usage.prompt_tokens == sum(map(len, ids))
    floats = embed(cloud, [ids[0], ids[1]], encoding_format="float")
    assert np.allclose(
        [one.embedding for one in floats.data], [one.embedding for one in answer.data], atol=1e-6
    )
    # Meguru's own member.
    asked = embed(cloud, "経費", extra_body={"input_type": "query"})
    assert not np.allclose(asked.data[0].embedding, answer.data[0].embedding, atol=1e-2)


def test_an_answer_is_recorded_charged_and_named(cloud: LoopCloud) -> None:
    response = cloud.openai_client().embeddings.with_raw_response.create(model=KEY, input="締切")
    inference_id = response.headers["x-inference-id"]
    assert inference_id.startswith("embd-")
    [record] = [one for one in cloud.items("Inference") if one["inference_id"]["S"] == inference_id]
    assert record["model_package_arn"]["S"] == cloud.serving()
    assert record["messages"]["L"][0]["M"]["content"]["S"] == "締切"
    assert (record["prompt_tokens"]["N"], record["completion_tokens"]["N"]) == ("8", "0")
    [listed] = cloud.openai_client().models.list().data
    assert listed.id == KEY


@pytest.mark.parametrize(
    ("given", "members", "param", "code"),
    [
        ("a" * 99, {}, "input", "context_length_exceeded"),
        (["a", ""], {}, "input[1]", "invalid_value"),
        ([[9999]], {}, "input", "invalid_value"),
        ("a", {"dimensions": DIMENSIONS * 2}, "dimensions", "invalid_value"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(
    cloud: LoopCloud, given: Any, members: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        embed(cloud, given, **members)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_a_model_is_asked_at_its_own_path(cloud: LoopCloud) -> None:
    with pytest.raises(openai.BadRequestError, match="asked at /v1/embeddings"):
        cloud.openai_client().chat.completions.create(
            model=KEY, messages=[{"role": "user", "content": "a"}]
        )
    with pytest.raises(openai.BadRequestError, match="asked at /v1/chat/completions"):
        cloud.openai_client().embeddings.create(model="meguru-text", input="a")


def test_an_encoder_becomes_no_text_model(cloud: LoopCloud) -> None:
    wrong = cloud.of_model("wrong")
    models = BaseModels(wrong.account)
    with pytest.raises(ValueError, match="tiny is of kind embedding, and wrong of kind text"):
        models.register(models.head("tiny"))
    started = wrong.client("stepfunctions").start_execution(
        stateMachineArn=wrong.outputs["TrainAndRegisterArn"],
        input=f'{{"detail": {{"version": "{"0" * 64}"}}}}',
    )
    with pytest.raises(LoopFailed, match="'tiny' makes embeddings, and is not trained"):
        wrong.loop.finished(started["executionArn"])
