"""Prediction: a chat request in, pieces of its answer out, whoever else is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from inference_containers.text.completion import Completion
from inference_containers.text.engine import Engine
from inference_containers.text.generation import Generation, Piece
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest
from meguru.json_request import read_object, refusal
from meguru.sampling_request import refuse_engine_options


async def start(engine: Engine, body: bytes) -> Prediction:
    """Give the request in `body` to the engine; ApiError where it can't be answered, or not now."""
    # In a thread: a long request takes its time to be read, and the event loop has others to serve.
    return await asyncio.to_thread(_start, engine, body, asyncio.get_running_loop())


def _start(engine: Engine, body: bytes, loop: asyncio.AbstractEventLoop) -> Prediction:
    return Prediction(engine, read_request(body), loop)


def read_request(body: bytes) -> ChatRequest | CompletionRequest:
    """A chat, or a text that is gone on with; ApiError (400) names what this engine can't do."""
    is_text = "prompt" in read_object(body)
    request = CompletionRequest.parse(body) if is_text else ChatRequest.parse(body)
    refuse_engine_options(request)
    for index, message in enumerate(request.messages):
        if message["role"] == "tool" or "tool_calls" in message:
            place = f"messages[{index}]"
            raise refusal("'{}' is of tools: this model has none.", place, "unsupported_parameter")
    return request


class Prediction:
    """One request given to the engine. Leave it by `cancel`, also when it is complete."""

    def __init__(
        self,
        engine: Engine,
        request: ChatRequest | CompletionRequest,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._pieces: asyncio.Queue[Piece] = asyncio.Queue()
        self._engine, self.request = engine, request

        def deliver(piece: Piece) -> None:
            # Called from the engine's thread; the loop is gone only when the server is, too.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

        self.generation = Generation(engine.loaded, request, deliver)
        self.completion = Completion(
            model=request.model or engine.loaded.name,
            system_fingerprint=engine.loaded.system_fingerprint,
            prompt_tokens=len(self.generation.prompt),
            is_chat=isinstance(request, ChatRequest),
        )
        engine.submit(self.generation)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Pieces as they come, up to the last; ApiError (500) where the engine failed."""
        while True:
            piece = await self._pieces.get()
            if piece.error is not None:
                raise ApiError(500, piece.error, code="internal_error")
            yield piece
            if piece.is_last:
                return

    def chunk(
        self,
        delta: Mapping[str, str],
        reason: str | None = None,
        logprobs: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """A chunk of the stream; where usage is asked for, each has the member."""
        chunk = self.completion.chunk(delta, reason, logprobs)
        if self.request.continuous_usage:
            return {**chunk, "usage": self.completion.usage(self.generation.num_tokens)}
        return {**chunk, "usage": None} if self.request.include_usage else chunk

    def cancel(self) -> None:
        self._engine.cancel(self.generation)
