"""Tiny random encoders, and the container's real process over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from inference_containers.embedding.load import LoadedEncoder, load
from tests.unit.encoders import write_encoder
from tests.unit.inference_containers.text.conftest import Container

MODEL_VERSION = "arn:aws:sagemaker:us-east-1:123456789012:model-package/vectors/3"


class EmbeddingContainer(Container):
    entrypoint = "from runpy import run_module; run_module('inference_containers.embedding')"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "model")


@pytest.fixture(scope="session")
def loaded(model_folder: Path) -> LoadedEncoder:
    return load(model_folder)


@pytest.fixture(scope="session")
def container(model_folder: Path) -> Iterator[Container]:
    """One container for all tests that leave it as it was."""
    container = EmbeddingContainer(model_folder.parent, MODEL_VERSION=MODEL_VERSION)
    try:
        container.pings()
        yield container
    finally:
        container.close()


@pytest.fixture
def start_container() -> Iterator[Callable[..., Container]]:
    containers: list[Container] = []

    def start(base_dir: Path, code: str = "", **environment: str) -> Container:
        containers.append(EmbeddingContainer(base_dir, code, **environment))
        return containers[-1]

    yield start
    for container in containers:
        container.close()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads of a tiny model only wait for each other, above all on a busy machine."""
    torch.set_num_threads(1)
