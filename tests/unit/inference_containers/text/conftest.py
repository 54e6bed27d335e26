"""A tiny random model and the container's application over it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
import torch

from inference_containers.text.engine import Engine
from inference_containers.text.load import LoadedModel, load
from meguru.hyperparameters import Hyperparameters
from tests import warm_python
from training.model import make_model, save_model
from training.tokenizer import train_tokenizer

REPOSITORY = Path(__file__).parents[4]
MODEL_VERSION = "arn:aws:sagemaker:us-east-1:123456789012:model-package/text/3"
TEXTS = [
    "有給休暇の申請期限はいつですか",
    "毎月10日までに申請してください。",
    "When is it due?",
] * 3


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of a few thousand parameters that speaks byte soup."""
    return make_folder(tmp_path_factory.mktemp("model") / "model", hidden_size=32)


def make_folder(folder: Path, hidden_size: int) -> Path:
    torch.manual_seed(3)
    settings = Hyperparameters(
        vocab_size=330,
        hidden_size=hidden_size,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=96,
    )
    tokenizer = train_tokenizer(TEXTS, settings.vocab_size)
    model = make_model(tokenizer, settings)
    with torch.no_grad():
        # Wide logits: greedy choices don't hang on the last bits of a float.
        for parameter in model.parameters():
            parameter.mul_(6.0 if parameter.dim() == 2 else 1.0)
    save_model(folder, model, tokenizer)
    return folder


@pytest.fixture(scope="session")
def loaded(model_folder: Path) -> LoadedModel:
    return load(model_folder)


@pytest.fixture
def engine(loaded: LoadedModel) -> Iterator[Engine]:
    engine = Engine(loaded, max_batch_size=4, max_queued_requests=8)
    engine.start()
    yield engine
    engine.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Container:
    """The container's real process, and a client of it; `code` runs before its entrypoint."""

    entrypoint = "from runpy import run_module; run_module('inference_containers.text')"
    seconds_to_start = 60

    def __init__(self, base_dir: Path, code: str = "", **environment: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            self.command(base_dir, code),
            cwd=REPOSITORY,
            env={
                **os.environ,
                "SAGEMAKER_BASE_DIR": str(base_dir),
                "SAGEMAKER_BIND_TO_PORT": str(self.port),
                "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
                "NUM_THREADS": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def command(self, base_dir: Path, code: str) -> list[str]:
        return [*warm_python.command(), "-c", f"{code}\n{self.entrypoint}"]

    def pings(self) -> list[int]:
        """The answers of /ping until the model is loaded."""
        seen: list[int] = []
        deadline = time.monotonic() + self.seconds_to_start
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                seen.append(self.client.get("/ping").status_code)
            except httpx2.ConnectError:
                time.sleep(0.05)
                continue
            if seen[-1] == 200:
                return seen
            time.sleep(0.02)
        raise AssertionError(f"the container never became ready: {seen}")

    def invoke(self, body: Any) -> httpx2.Response:
        return self.client.post("/invocations", json=body)

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class VllmContainer(Container):
    """vLLM of an interpreter that VLLM_PYTHON names, started as in AWS's image."""

    entrypoint = (
        "from runpy import run_module; "
        "run_module('inference_containers.text.vllm', run_name='__main__')"
    )
    seconds_to_start = 400
    # What a GPU has no need of.
    ON_CPU: ClassVar = {
        "SM_VLLM_DTYPE": "float32",
        "SM_VLLM_ENFORCE_EAGER": "true",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }

    def __init__(self, base_dir: Path, code: str = "", **environment: str) -> None:
        super().__init__(base_dir, code, **self.ON_CPU, **environment)

    def close(self) -> None:
        # Its engine is a process of its own, which only a server that is asked to end takes along.
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=30)
        super().close()


@pytest.fixture
def start_container() -> Iterator[Callable[..., Container]]:
    containers: list[Container] = []

    def start(base_dir: Path, code: str = "", **environment: str) -> Container:
        containers.append(Container(base_dir, code, **environment))
        return containers[-1]

    yield start
    for container in containers:
        container.close()


@pytest.fixture(scope="session")
def container(model_folder: Path) -> Iterator[Container]:
    """One container for all tests that leave it as it was."""
    container = Container(model_folder.parent, MODEL_VERSION=MODEL_VERSION)
    try:
        container.pings()
        yield container
    finally:
        container.close()


@pytest.fixture(scope="session")
def vllm_container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    # Heads of 64: vLLM has no kernel for the other model's of 16.
    folder = make_folder(tmp_path_factory.mktemp("vllm") / "model", hidden_size=128)
    container = VllmContainer(folder.parent, MODEL_VERSION=MODEL_VERSION)
    try:
        container.pings()
        yield container
    finally:
        container.close()


@pytest.fixture(params=["text container", "vllm"])
def any_engine(request: pytest.FixtureRequest) -> Any:
    """Every engine that serves somewhere: what the rest of Meguru asks of one, all have to do."""
    if request.param == "text container":
        return request.getfixturevalue("container")
    if "VLLM_PYTHON" not in os.environ:
        pytest.skip("VLLM_PYTHON names no interpreter that has vLLM")
    return request.getfixturevalue("vllm_container")


@pytest.fixture
def chat() -> Callable[..., dict[str, Any]]:
    """A request's body: `chat("question", max_tokens=5)`."""

    def make(content: Any = "締切は?", **members: Any) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": content}], **members}

    return make


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads of a tiny model only wait for each other, above all on a busy machine."""
    torch.set_num_threads(1)
