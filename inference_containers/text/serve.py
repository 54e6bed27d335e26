"""Serving over SageMaker's contract: `GET /ping` and `POST /invocations`."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from inference_containers.serving import usage_log
from inference_containers.serving.model_server import Failed, ModelServer, read_body, unless_left
from inference_containers.serving.server_settings import ServerSettings, prepare, run, whole_number
from inference_containers.text.completion import DONE, server_sent_event
from inference_containers.text.load_reporter import LoadReporter
from inference_containers.text.usage_log import report
from meguru.accelerator import ROOT
from meguru.api_errors import ApiError
from meguru.model_version import ATTRIBUTES_HEADER, Answering
from meguru.sampling_request import MAX_ANSWER_TOKENS

if TYPE_CHECKING:
    from inference_containers.text.engine import Engine
    from inference_containers.text.predict import Prediction


@dataclass(frozen=True)
class Settings(ServerSettings):
    """What the container reads from its environment."""

    prompt_version: str
    max_batch_size: int
    answer_tokens: int

    @classmethod
    def members(cls, environment: Mapping[str, str]) -> dict[str, Any]:
        return super().members(environment) | {
            "prompt_version": environment.get("PROMPT_VERSION", ""),
            "max_batch_size": whole_number(environment, "MAX_BATCH_SIZE", 32),
            "answer_tokens": whole_number(environment, "ANSWER_TOKENS", MAX_ANSWER_TOKENS),
        }


def start_engine(settings: Settings, failed: Failed, devices: Path = ROOT) -> Engine:
    """Load the model and start its engine; ValueError where the model can't be loaded.

    `devices` is the folder that holds dev and proc.
    """
    # torch and transformers take seconds to import: by then /ping must already answer 503.
    from torch import nn

    from inference_containers.text.decoder import Decoder
    from inference_containers.text.engine import Engine
    from inference_containers.text.forward import make_forward
    from inference_containers.text.load import load

    prepare(settings, devices)
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
        reservation = usage_log.begin(request.headers.get(ATTRIBUTES_HEADER, ""))
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
    run(Settings, make_server)


def make_server(settings: Settings, failed: Failed) -> TextServer:
    return TextServer(lambda: start_engine(settings, failed), failed, settings.model_version)
