"""Serving over SageMaker's contract: `GET /ping` and `POST /invocations`."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from inference_containers.text.completion import DONE, server_sent_event
from inference_containers.text.load_reporter import LoadReporter
from inference_containers.text.watchdog import MAX_STEP_SECONDS
from meguru.accelerator import ROOT, check_accelerator
from meguru.api_errors import ApiError, BodyTooLarge, Overloaded
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.model_version import ATTRIBUTES_HEADER, Answering

if TYPE_CHECKING:
    from inference_containers.text.engine import Engine
    from inference_containers.text.predict import Prediction

MAX_BODY_BYTES = 6 * 1024 * 1024  # InvokeEndpoint's own limit for real-time payloads
SHUTDOWN_SECONDS = 25  # SageMaker sends SIGKILL 30 s after SIGTERM


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

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        def number(name: str, default: int) -> int:
            text = environment.get(name, str(default))
            if not text.isdecimal() or int(text) < 1:
                raise ValueError(f"{name}={text!r} must be a whole number above 0")
            return int(text)

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


class TextServer:
    """The HTTP side of an engine that may still be loading."""

    def __init__(
        self, start: Callable[[], Engine], failed: Callable[[str], None], version: str
    ) -> None:
        self._start, self._failed, self._version = start, failed, version
        self._engine: Engine | None = None

    def load(self) -> None:
        """Start the engine; a model that can't be loaded ends the container with its reason."""
        try:
            self._engine = self._start()
        except (ValueError, OSError, RuntimeError) as error:
            self._failed(f"the model can't be loaded: {error}")
        except Exception as error:
            logger.exception("the model can't be loaded")
            self._failed(f"the model can't be loaded: {error!r}")

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        loading = threading.Thread(target=self.load, name="load", daemon=True)
        loading.start()
        yield
        if self._engine:
            await asyncio.to_thread(self._engine.stop)

    async def ping(self, request: Request) -> Response:
        return Response(status_code=200 if self._engine and self._engine.is_alive else 503)

    async def invocations(self, request: Request) -> Response:
        if self._engine is None:
            raise Overloaded("The model is still loading.")
        headers = self._headers(self._engine)
        predict = importlib.import_module("inference_containers.text.predict")
        prediction: Prediction = await predict.start(self._engine, await read_body(request))
        if prediction.request.stream:
            return StreamingResponse(
                stream(prediction),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-cache", **headers},
            )
        return await answer(prediction, request, headers)

    def _headers(self, engine: Engine) -> dict[str, str]:
        if not self._version:
            return {}
        answering = Answering(self._version, engine.loaded.prompt_version)
        return {ATTRIBUTES_HEADER: answering.attributes()}


async def read_body(request: Request) -> bytes:
    """The body; ApiError (413) as soon as it is larger than the limit."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
    return bytes(body)


async def answer(prediction: Prediction, request: Request, headers: Mapping[str, str]) -> Response:
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

    collecting = asyncio.ensure_future(collect())
    leaving = asyncio.ensure_future(request.receive())  # the next message is the disconnect
    try:
        await asyncio.wait({collecting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            raise ClientDisconnect
        return collecting.result()
    finally:
        collecting.cancel()
        leaving.cancel()
        prediction.cancel()


async def stream(prediction: Prediction) -> AsyncIterator[bytes]:
    """Server-sent events; closing the iterator (the caller left) frees the engine's place."""
    try:
        yield server_sent_event(prediction.chunk({"role": "assistant", "content": ""}))
        async for piece in prediction.pieces():
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


async def request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), status_code=error.status, headers=error.headers())


async def caller_left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; nginx's number for the access log


def make_app(
    start: Callable[[], Engine], failed: Callable[[str], None], version: str = ""
) -> Starlette:
    """The application: `start` gives the engine of model version `version`.

    `failed` hears why it could not.
    """
    server = TextServer(start, failed, version)
    handlers: dict[Any, Any] = {ApiError: request_error, ClientDisconnect: caller_left}
    return Starlette(
        routes=[
            Route("/ping", server.ping, methods=["GET"]),
            Route("/invocations", server.invocations, methods=["POST"]),
        ],
        exception_handlers=handlers,
        lifespan=server.lifespan,
    )


def main() -> None:
    """Serve until SIGTERM: finish what is being answered, then leave."""
    logging.basicConfig(level=logging.INFO)
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    reasons: list[str] = []

    def failed(reason: str) -> None:
        reasons.append(reason)
        uvicorn_server.should_exit = True

    uvicorn_server = uvicorn.Server(
        uvicorn.Config(
            make_app(lambda: start_engine(settings, failed), failed, settings.model_version),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            access_log=False,
        )
    )
    uvicorn_server.run()
    if reasons:
        print(reasons[0], file=sys.stderr, flush=True)
        # A thread that hangs in a driver could keep the interpreter from ending.
        os._exit(1)
