"""vLLM's entrypoint: what it is started with, what it refuses, and who stands in for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from transformers import LlamaForCausalLM

from inference_containers.text.load import LoadedModel, load
from inference_containers.text.vllm import command, find_python
from inference_containers.text.vllm_headers import ADAPTER_HEADER, Headers
from inference_containers.text.vllm_options import num_parts, prepare
from meguru.adapter import ADAPTER, BASE, BASE_SOURCE, BaseReference
from meguru.model_hashes import write_hashes
from meguru.model_version import ATTRIBUTES_HEADER
from meguru.prompt import Prompt
from tests.unit.inference_containers.text.conftest import (
    MODEL_VERSION,
    Container,
    VllmContainer,
    make_folder,
)
from tests.unit.inference_containers.text.test_prompt import put
from tests.unit.training.base_models import write_manifest


class StandIn(Container):
    """The entrypoint of vLLM's image where there is no vLLM."""

    entrypoint = (
        "from runpy import run_module; "
        "run_module('inference_containers.text.vllm', run_name='__main__')"
    )


@pytest.fixture
def base_dir(model_folder: Path, tmp_path: Path) -> Path:
    """/opt/ml with a whole model."""
    write_hashes(Path(shutil.copytree(model_folder, tmp_path / "model")))
    return tmp_path


@pytest.fixture
def adapter_dir(model_folder: Path, tmp_path: Path) -> Path:
    """/opt/ml with an adapter of rank 20, and its base model beside it."""
    base = Path(shutil.copytree(model_folder, tmp_path / BASE_SOURCE))
    write_manifest(base)
    folder = tmp_path / "model"
    (folder / ADAPTER).mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(model_folder / name, folder)
    (folder / ADAPTER / "adapter_config.json").write_text(json.dumps({"r": 20}))
    shutil.copy(model_folder / "model.safetensors", folder / ADAPTER / "adapter_model.safetensors")
    (folder / BASE).write_bytes(BaseReference.of(base).to_json())
    write_hashes(folder)
    return tmp_path


def test_a_whole_model_is_served_by_its_name(base_dir: Path, tmp_path: Path) -> None:
    options = prepare(base_dir, "staff-chat", 4, tmp_path).options
    assert options["model"] == options["tokenizer"] == str(base_dir / "model")
    assert options["served-model-name"] == "staff-chat"
    assert options["tensor-parallel-size"] == "2"  # the model has two heads
    assert options["enable-prefix-caching"] == "true"
    assert not {"enable-lora", "chat-template"} & options.keys()
    assert json.loads(options["override-generation-config"]) == {"temperature": 0}


def test_no_answer_is_longer_than_what_is_reserved(base_dir: Path, tmp_path: Path) -> None:
    environment = {"SAGEMAKER_BASE_DIR": str(base_dir), "ANSWER_TOKENS": "512"}
    words, _ = command(environment, tmp_path)
    settings = json.loads(words[words.index("--override-generation-config") + 1])
    assert settings["max_new_tokens"] == 512


def test_an_adapter_is_served_over_its_base_model(adapter_dir: Path, tmp_path: Path) -> None:
    options = prepare(adapter_dir, "staff-chat", 1, tmp_path).options
    assert options["model"] == str(adapter_dir / BASE_SOURCE)
    assert options["tokenizer"] == str(adapter_dir / "model")
    assert options["served-model-name"].startswith("tiny@")
    assert options["lora-modules"] == f"staff-chat={adapter_dir / 'model' / ADAPTER}"
    assert (options["enable-lora"], options["max-lora-rank"]) == ("true", "32")


def change_base(folder: Path) -> None:
    with (folder / BASE_SOURCE / "model.safetensors").open("ab") as file:
        file.write(b"x")


def change_adapter(folder: Path) -> None:
    (folder / "model" / ADAPTER / "adapter_config.json").write_text('{"r": 8}')


def change_revision(folder: Path) -> None:
    path = folder / BASE_SOURCE / "config.json"
    path.write_text(path.read_text() + "\n")
    write_manifest(folder / BASE_SOURCE)


def raise_rank(folder: Path) -> None:
    (folder / "model" / ADAPTER / "adapter_config.json").write_text('{"r": 600}')
    write_hashes(folder / "model")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change_base, r"the base model tiny, .*: model\.safetensors is not the file"),
        (change_adapter, r"adapter/adapter_config\.json is not the file"),
        (change_revision, r"is an adapter of base model tiny, .*, and the base given is base mod"),
        (raise_rank, r"rank is 600, and vLLM takes at most 512: train it with a smaller lora_ran"),
        (lambda folder: shutil.rmtree(folder / BASE_SOURCE), r"and no base model was given"),
        (lambda folder: (folder / "model" / "run.py").touch(), r"run\.py is refused"),
    ],
)
def test_what_is_changed_or_missing_is_refused(
    adapter_dir: Path, tmp_path: Path, damage: Callable[[Path], Any], said: str
) -> None:
    damage(adapter_dir)
    with pytest.raises(ValueError, match=said):
        prepare(adapter_dir, "staff-chat", 1, tmp_path)


@pytest.mark.parametrize(
    ("heads", "groups", "gpus", "parts"),
    [(32, 8, 8, 8), (14, 2, 4, 2), (9, 3, 4, 3), (12, None, 8, 6), (32, 8, 0, 1), (28, 4, 8, 4)],
)
def test_each_gpu_has_as_many_heads(heads: int, groups: int | None, gpus: int, parts: int) -> None:
    config = {"num_attention_heads": heads, "num_key_value_heads": groups}
    assert num_parts(config, gpus) == parts


def test_a_prompt_becomes_a_chat_template(base_dir: Path, tmp_path: Path) -> None:
    prompt = Prompt(system="いつも短く答える")
    put(base_dir, prompt)
    serving = prepare(base_dir, "staff-chat", 1, tmp_path)
    assert "いつも短く答える" in Path(serving.options["chat-template"]).read_text()
    assert serving.prompt_version == prompt.version
    with pytest.raises(ValueError, match=r"and another is asked for"):
        prepare(base_dir, "staff-chat", 1, tmp_path, "another")


def test_variables_go_before_what_is_found_out(base_dir: Path, tmp_path: Path) -> None:
    environment = {
        "SAGEMAKER_BASE_DIR": str(base_dir),
        "SM_VLLM_MAX_MODEL_LEN": "4096",
        "SM_VLLM_ENFORCE_EAGER": "true",
        "SM_VLLM_ENABLE_PREFIX_CACHING": "false",
    }
    words, _ = command(environment, tmp_path)
    assert words[words.index("--max-model-len") + 1] == "4096"
    assert "--enforce-eager" in words and "true" not in words
    assert "--enable-prefix-caching" not in words
    with pytest.raises(ValueError, match="short, visible ASCII"):
        command({**environment, "MODEL_VERSION": "版"}, tmp_path)


def test_an_interpreter_that_has_vllm_may_be_named() -> None:
    assert find_python({"VLLM_PYTHON": "/opt/python"}) == "/opt/python"
    assert find_python({}) is None


@pytest.mark.parametrize("adapter", ["staff-chat", ""])
def test_requests_name_the_adapter_and_answers_the_version(
    adapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(request: Request) -> JSONResponse:
        return JSONResponse(request.headers.getlist(ADAPTER_HEADER))

    for name, value in {"ADAPTER_NAME": adapter, "MODEL_VERSION": "arn:m/1"}.items():
        monkeypatch.setenv(name, value)
    app = Starlette(
        routes=[Route("/invocations", told, methods=["POST"])], middleware=[Middleware(Headers)]
    )
    client = TestClient(app)
    answer = client.post("/invocations")
    assert answer.json() == ([adapter] if adapter else [])
    assert answer.headers[ATTRIBUTES_HEADER] == "model-version=arn:m/1"
    if adapter:
        assert client.post("/invocations", headers={ADAPTER_HEADER: "other"}).json() == [adapter]


def test_our_own_engine_stands_in_and_says_so(base_dir: Path, chat: Any) -> None:
    container = StandIn(base_dir, MODEL_VERSION=MODEL_VERSION, VLLM_PYTHON="")
    try:
        container.pings()
        answer = container.invoke(chat(max_tokens=3))
        assert answer.json()["usage"]["completion_tokens"] == 3
        assert container.process.stdout is not None
        assert "our own engine stands in" in container.process.stdout.readline()
    finally:
        container.close()


def ask(loaded: LoadedModel) -> str:
    """What transformers answers to the fixture's question with 12 tokens, greedily."""
    prompt = loaded.encoder.encode_prompt([{"role": "user", "content": "締切は?"}])
    ids = torch.tensor([prompt])
    answer = loaded.model.generate(ids, max_new_tokens=12, do_sample=False)  # type: ignore[operator]
    return str(loaded.tokenizer.decode(answer[0, len(prompt) :], skip_special_tokens=True))


@pytest.mark.skipif("VLLM_PYTHON" not in os.environ, reason="VLLM_PYTHON names no interpreter")
def test_vllm_answers_with_the_adapter(tmp_path: Path, chat: Any) -> None:
    """Whatever name it is asked for: what was not approved never answers."""
    whole = make_folder(tmp_path / "whole", hidden_size=128)
    base = Path(shutil.copytree(whole, tmp_path / BASE_SOURCE))
    write_manifest(base)
    folder = tmp_path / "model"
    adapted = get_peft_model(
        LlamaForCausalLM.from_pretrained(base), LoraConfig(r=4, target_modules=["down_proj"])
    )
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=2)
    adapted.save_pretrained(str(folder / ADAPTER))
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(whole / name, folder)
    (folder / BASE).write_bytes(BaseReference.of(base).to_json())
    write_hashes(folder)
    right = ask(load(folder))
    assert right != ask(load(whole))
    container = VllmContainer(tmp_path, MODEL_NAME="staff-chat", MODEL_VERSION=MODEL_VERSION)
    try:
        container.pings()
        for asked in ("staff-chat", f"tiny@{BaseReference.of(base).revision}", None):
            answer = container.invoke(chat(max_tokens=12, temperature=0, model=asked))
            assert answer.headers[ATTRIBUTES_HEADER] == f"model-version={MODEL_VERSION}"
            completion = answer.json()
            assert completion["model"] == "staff-chat"
            assert completion["choices"][0]["message"]["content"] == right
    finally:
        container.close()
