"""Serving over SageMaker's contract: `GET /ping` and `POST /invocations`, in OpenAI's shape."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inference_containers.serving.model_server import (
    Failed,
    ModelServer,
    read_body,
    serve,
    unless_left,
    whole_number,
)
from inference_containers.serving.watchdog import MAX_STEP_SECONDS
from meguru.accelerator import ROOT, check_accelerator
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.model_version import ATTRIBUTES_HEADER, Answering
from meguru.usage_report import UsageReport, reservation_of

if TYPE_CHECKING:
    from inference_containers.embedding.engine import Engine, Job
    from meguru.embedding_request import EmbeddingRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the container reads from its environment."""

    model_folder: Path
    model_version: str
    host: str
    port: int
    num_threads: int
    max_queued_requests: int
    max_step_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        number = partial(whole_number, environment)
        version = environment.get("MODEL_VERSION", "")
        Answering(version).attributes()
        return cls(
            model_folder=Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model",
            model_version=version,
            host=environment.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0"),
            port=number("SAGEMAKER_BIND_TO_PORT", 8080),
            num_threads=number("NUM_THREADS", os.cpu_count() or 1),
            max_queued_requests=number("MAX_QUEUED_REQUESTS", 64),
            max_step_seconds=number("MAX_STEP_SECONDS", MAX_STEP_SECONDS),
        )


def start_engine(settings: Settings, failed: Failed, devices: Path = ROOT) -> Engine:
    """Load the model and start its engine; ValueError where the model can't be loaded.

    `devices` is the folder that holds dev and proc.
    """
    # torch and transformers take seconds to import: by then /ping must already answer 503.
    import torch

    from inference_containers.embedding.engine import Engine
    from inference_containers.embedding.load import load

    check_accelerator(is_used=torch.cuda.is_available(), environment=os.environ, root=devices)
    torch.set_num_threads(settings.num_threads)
    if not check_hashes(settings.model_folder):
        logger.warning("the model has no %s: its files are served as they are", MANIFEST)
    loaded = load(settings.model_folder)
    engine = Engine(loaded, settings.max_queued_requests, failed, settings.max_step_seconds)
    engine.start()
    return engine


class EmbeddingServer(ModelServer["Engine"]):
    """The HTTP side of the engine of model version `version`."""

    def __init__(self, start: Callable[[], Engine], failed: Failed, version: str = "") -> None:
        super().__init__(start, failed)
        self._headers = {ATTRIBUTES_HEADER: Answering(version).attributes()} if version else {}

    async def invocations(self, request: Request) -> Response:
        engine = self.engine
        reservation = reservation_of(request.headers.get(ATTRIBUTES_HEADER, ""))
        job: Job | None = None
        try:
            asked, job = await self._submit(engine, await read_body(request))
            work = asyncio.ensure_future(self._answer(engine, asked, job))
            return await unless_left(request, work)
        finally:
            if job:
                engine.cancel(job)
            if reservation:
                num_read = job.num_read if job else 0
                print(UsageReport(reservation, num_read, 0).line(), flush=True)

    async def _submit(self, engine: Engine, body: bytes) -> tuple[EmbeddingRequest, Job]:
        # Imported by now: an engine is there.
        predict = importlib.import_module("inference_containers.embedding.predict")
        engines = importlib.import_module("inference_containers.embedding.engine")
        # In a thread: long texts take their time, and the event loop has others to serve.
        asked, texts = await asyncio.to_thread(predict.read, engine.loaded, body)
        job: Job = engines.Job(texts, asyncio.get_running_loop())
        engine.submit(job)
        return asked, job

    async def _answer(self, engine: Engine, asked: EmbeddingRequest, job: Job) -> Response:
        predict = importlib.import_module("inference_containers.embedding.predict")
        vectors = await job.done
        made = await asyncio.to_thread(predict.answer, engine.loaded, asked, vectors, job.num_read)
        return JSONResponse(made, headers=self._headers)


def main() -> None:
    """Serve until SIGTERM: finish what is being answered, then leave."""
    logging.basicConfig(level=logging.INFO)
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from error

    def make_app(failed: Failed) -> Starlette:
        return EmbeddingServer(
            lambda: start_engine(settings, failed), failed, settings.model_version
        ).app()

    serve(make_app, settings.host, settings.port)
