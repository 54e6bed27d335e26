"""Serving over SageMaker's contract: `GET /ping` and `POST /invocations`, in OpenAI's shape."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inference_containers.serving import usage_log
from inference_containers.serving.model_server import Failed, ModelServer, read_body, unless_left
from inference_containers.serving.server_settings import ServerSettings, prepare, run
from meguru.accelerator import ROOT
from meguru.model_version import ATTRIBUTES_HEADER, Answering

if TYPE_CHECKING:
    from inference_containers.embedding.engine import Engine, Job
    from meguru.embedding_request import EmbeddingRequest


def start_engine(settings: ServerSettings, failed: Failed, devices: Path = ROOT) -> Engine:
    """Load the model and start its engine; ValueError where the model can't be loaded.

    `devices` is the folder that holds dev and proc.
    """
    # torch and transformers take seconds to import: by then /ping must already answer 503.
    from inference_containers.embedding.engine import Engine
    from inference_containers.embedding.load import load

    prepare(settings, devices)
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
        reservation = usage_log.begin(request.headers.get(ATTRIBUTES_HEADER, ""))
        job: Job | None = None
        try:
            asked, job = await self._submit(engine, await read_body(request))
            work = asyncio.ensure_future(self._answer(engine, asked, job))
            return await unless_left(request, work)
        finally:
            if job:
                engine.cancel(job)
            usage_log.report(reservation, job.num_read if job else 0, 0)

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
    run(ServerSettings, make_server)


def make_server(settings: ServerSettings, failed: Failed) -> EmbeddingServer:
    return EmbeddingServer(lambda: start_engine(settings, failed), failed, settings.model_version)
