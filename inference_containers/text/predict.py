"""Prediction: a chat request in, pieces of its answer out, whoever else is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from inference_containers.text.chat_request import ChatRequest
from inference_containers.text.completion import Completion
from inference_containers.text.engine import Engine
from inference_containers.text.errors import RequestError
from inference_containers.text.generation import Generation, Piece


class Prediction:
    """One request given to the engine. Leave it by `cancel`, also when it is complete."""

    def __init__(self, engine: Engine, request: ChatRequest) -> None:
        loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece] = asyncio.Queue()
        self._engine, self._request = engine, request

        def deliver(piece: Piece) -> None:
            # Called from the engine's thread; the loop is gone only when the server is, too.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

        self.generation = Generation(engine.loaded, request, deliver)
        self.completion = Completion(
            model=request.model or engine.loaded.name,
            model_version=engine.loaded.version,
            prompt_tokens=len(self.generation.prompt),
        )
        engine.submit(self.generation)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Pieces as they come, up to the last; RequestError (500) where the engine failed."""
        while True:
            piece = await self._pieces.get()
            if piece.error is not None:
                raise RequestError(piece.error, status=500, kind="server_error")
            yield piece
            if piece.is_last:
                return

    def chunk(self, delta: Mapping[str, str], reason: str | None = None) -> dict[str, Any]:
        """A chunk of the stream; where usage is asked for, each has the member."""
        chunk = self.completion.chunk(delta, reason)
        if self._request.continuous_usage:
            return {**chunk, "usage": self.completion.usage(self.generation.num_tokens)}
        return {**chunk, "usage": None} if self._request.include_usage else chunk

    def cancel(self) -> None:
        self._engine.cancel(self.generation)
