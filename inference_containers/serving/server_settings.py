"""What every model server is told, and what it does before it loads a model and serves."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from starlette.applications import Starlette

from inference_containers.serving.model_server import Failed, ModelServer, serve
from inference_containers.serving.watchdog import MAX_STEP_SECONDS
from meguru.accelerator import check_accelerator
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.model_version import Answering

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerSettings:
    """What a container reads from its environment."""

    model_folder: Path
    model_version: str
    host: str
    port: int
    num_threads: int
    max_queued_requests: int
    max_step_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """ValueError names what is wrong."""
        return cls(**cls.members(environment))

    @classmethod
    def members(cls, environment: Mapping[str, str]) -> dict[str, Any]:
        """The settings by their names; a container with more of them adds its own."""
        number = partial(whole_number, environment)
        version = environment.get("MODEL_VERSION", "")
        Answering(version).attributes()
        return {
            "model_folder": Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model",
            "model_version": version,
            "host": environment.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0"),
            "port": number("SAGEMAKER_BIND_TO_PORT", 8080),
            "num_threads": number("NUM_THREADS", os.cpu_count() or 1),
            "max_queued_requests": number("MAX_QUEUED_REQUESTS", 64),
            "max_step_seconds": number("MAX_STEP_SECONDS", MAX_STEP_SECONDS),
        }


SettingsT = TypeVar("SettingsT", bound=ServerSettings)


def whole_number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A container's setting above 0; ValueError where it is anything else."""
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name}={text!r} must be a whole number above 0")
    return int(text)


def prepare(settings: ServerSettings, devices: Path) -> None:
    """What is done before a model is loaded; ValueError where it may not be served.

    `devices` is the folder that holds dev and proc.
    """
    # torch takes seconds to import: by then /ping must already answer 503.
    import torch

    check_accelerator(is_used=torch.cuda.is_available(), environment=os.environ, root=devices)
    torch.set_num_threads(settings.num_threads)
    if not check_hashes(settings.model_folder):
        logger.warning("the model has no %s: its files are served as they are", MANIFEST)


def run(
    settings_type: type[SettingsT], make_server: Callable[[SettingsT, Failed], ModelServer[Any]]
) -> None:
    """Serve until SIGTERM: finish what is being answered, then leave."""
    logging.basicConfig(level=logging.INFO)
    try:
        settings = settings_type.from_environment(os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from error

    def make_app(failed: Failed) -> Starlette:
        return make_server(settings, failed).app()

    serve(make_app, settings.host, settings.port)
