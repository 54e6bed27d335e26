"""Serving over SageMaker's contract: `GET /ping` and `POST /invocations`."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from inference_containers.serving.model_server import (
    Failed,
    ModelServer,
    read_body,
    serve,
    unless_left,
    whole_number,
)
from inference_containers.serving.watchdog import MAX_STEP_SECONDS
from inference_containers.text.completion import DONE, server_sent_event
from inference_containers.text.load_reporter import LoadReporter
from inference_containers.text.usage_log import report
from meguru.accelerator import ROOT, check_accelerator
from meguru.api_errors import ApiError
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.model_version import ATTRIBUTES_HEADER, Answering
from meguru.sampling_request import MAX_ANSWER_TOKENS
from meguru.usage_report import reservation_of, started_line

if TYPE_CHECKING:
    from inference_containers.text.engine import Engine
    from inference_containers.text.predict import Prediction

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the container reads from its environment."""

    model_folder: Path
    model_version: str
    prompt_version: str
    host: str
    port: int
    num_threads: int
    max_batch_size: int
    max_queued_requests: int
    max_step_seconds: int
    answer_tokens: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        number = partial(whole_number, environment)
        version = environment.get("MODEL_VERSION", "")
        Answering(version).attributes()
        return cls(
            model_folder=Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model",
            model_version=version,
            prompt_version=environment.get("PROMPT_VERSION", ""),
            host=environment.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0"),
            port=number("SAGEMAKER_BIND_TO_PORT", 8080),
            num_threads=number("NUM_THREADS", os.cpu_count() or 1),
            max_batch_size=number("MAX_BATCH_SIZE", 32),
            max_queued_requests=number("MAX_QUEUED_REQUESTS", 64),
            max_step_seconds=number("MAX_STEP_SECONDS", MAX_STEP_SECONDS),
            answer_tokens=number("ANSWER_TOKENS", MAX_ANSWER_TOKENS),
        )


def start_engine(settings: Settings, failed: Callable[[str], None], devices: Path = ROOT) -> Engine:
    """Load the model and start its engine; ValueError where the model can't be loaded.

    `devices` is the folder that holds dev and proc.
    """
    # torch and transformers take seconds to import: by then /ping must already answer 503.
    import torch
    from torch import nn

    from inference_containers.text.decoder import Decoder
    from inference_containers.text.engine import Engine
    from inference_containers.text.forward import make_forward
    from inference_containers.text.load import load

    check_accelerator(is_used=torch.cuda.is_available(), environment=os.environ, root=devices)
    torch.set_num_threads(settings.num_threads)
    if not check_hashes(settings.model_folder):
        logger.warning("the model has no %s: its files are served as they are", MANIFEST)
    loaded = load(settings.model_folder, settings.model_version, settings.prompt_version)
    loaded = dataclasses.replace(loaded, answer_tokens=settings.answer_tokens)
    forward = make_forward(loaded.model)
    if isinstance(forward, Decoder):
        nn.Module.to(loaded.model, "meta")  # the decoder holds all it needs: no weight lies twice
    engine = Engine(
        loaded,
        settings.max_batch_size,
        settings.max_queued_requests,
        failed,
        settings.max_step_seconds,
        forward,
    )
    engine.start()
    LoadReporter(lambda: engine.load, lambda line: print(line, flush=True)).start()
    return engine


class TextServer(ModelServer["Engine"]):
    """The HTTP side of the engine of model version `version`."""

    def __init__(self, start: Callable[[], Engine], failed: Failed, version: str = "") -> None:
        super().__init__(start, failed)
        self._version = version

    async def invocations(self, request: Request) -> Response:
        engine = self.engine
        headers = self._headers(engine)
        predict = importlib.import_module("inference_containers.text.predict")
        reservation = reservation_of(request.headers.get(ATTRIBUTES_HEADER, ""))
        if reservation:
            print(started_line(reservation), flush=True)
        try:
            prediction: Prediction = await predict.start(engine, await read_body(request))
        except ApiError:
            report(reservation, None)
            raise
        if prediction.request.stream:
            return StreamingResponse(
                stream(prediction, reservation),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-cache", **headers},
            )
        return await answer(prediction, request, headers, reservation)

    def _headers(self, engine: Engine) -> dict[str, str]:
        if not self._version:
            return {}
        answering = Answering(self._version, engine.loaded.prompt_version)
        return {ATTRIBUTES_HEADER: answering.attributes()}


async def answer(
    prediction: Prediction, request: Request, headers: Mapping[str, str], reservation: str | None
) -> Response:
    """The whole answer in one object, unless the caller leaves before it is there."""

    async def collect() -> Response:
        pieces = [piece async for piece in prediction.pieces()]
        text, reason = "".join(piece.text for piece in pieces), pieces[-1].finish_reason
        assert reason is not None
        num_tokens = prediction.generation.num_tokens
        logprobs = [one for piece in pieces for one in piece.logprobs]
        asked = logprobs if prediction.request.top_logprobs is not None else None
        whole = prediction.completion.whole(text, reason, num_tokens, asked)
        return JSONResponse(whole, headers=headers)

    try:
        return await unless_left(request, asyncio.ensure_future(collect()))
    finally:
        prediction.cancel()
        report(reservation, prediction)


async def stream(prediction: Prediction, reservation: str | None) -> AsyncIterator[bytes]:
    """Server-sent events; closing the iterator (the caller left) frees the engine's place."""
    is_begun = False
    try:
        async for piece in prediction.pieces():
            if not is_begun:
                # Only now: who measures sees how long it has waited to be taken up.
                yield server_sent_event(prediction.chunk({"role": "assistant", "content": ""}))
                is_begun = True
            if piece.text or piece.logprobs:
                chunk = prediction.chunk({"content": piece.text}, logprobs=piece.logprobs or None)
                yield server_sent_event(chunk)
            if piece.finish_reason:
                yield server_sent_event(prediction.chunk({}, piece.finish_reason))
        if prediction.request.include_usage:
            usage = prediction.completion.usage_chunk(prediction.generation.num_tokens)
            yield server_sent_event(usage)
        yield DONE
    except ApiError as error:
        # The status line is long gone: OpenAI's clients raise on an event with an error.
        yield server_sent_event(error.body())
    finally:
        prediction.cancel()
        report(reservation, prediction)


def main() -> None:
    """Serve until SIGTERM: finish what is being answered, then leave."""
    logging.basicConfig(level=logging.INFO)
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from error

    def make_app(failed: Failed) -> Starlette:
        return TextServer(
            lambda: start_engine(settings, failed), failed, settings.model_version
        ).app()

    serve(make_app, settings.host, settings.port)
