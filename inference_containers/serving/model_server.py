"""`GET /ping` and `POST /invocations` over an engine that may still be loading."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meguru.api_errors import ApiError, BodyTooLarge, Overloaded

MAX_BODY_BYTES = 6 * 1024 * 1024  # InvokeEndpoint's own limit for real-time payloads
SHUTDOWN_SECONDS = 25  # SageMaker sends SIGKILL 30 s after SIGTERM

Failed = Callable[[str], None]

logger = logging.getLogger(__name__)


class RunningEngine(Protocol):
    @property
    def is_alive(self) -> bool: ...

    def stop(self) -> None: ...


EngineT = TypeVar("EngineT", bound=RunningEngine)


class ModelServer(Generic[EngineT]):
    """The HTTP side: `start` gives the engine, and `failed` hears why it could not."""

    def __init__(self, start: Callable[[], EngineT], failed: Failed) -> None:
        self._start, self._failed = start, failed
        self._engine: EngineT | None = None

    @property
    def engine(self) -> EngineT:
        if self._engine is None:
            raise Overloaded("The model is still loading.")
        return self._engine

    @abstractmethod
    async def invocations(self, request: Request) -> Response:
        """The answer to a request; ApiError where there is none."""

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

    def app(self) -> Starlette:
        handlers: dict[Any, Any] = {ApiError: request_error, ClientDisconnect: caller_left}
        return Starlette(
            routes=[
                Route("/ping", self.ping, methods=["GET"]),
                Route("/invocations", self.invocations, methods=["POST"]),
            ],
            exception_handlers=handlers,
            lifespan=self.lifespan,
        )


async def read_body(request: Request) -> bytes:
    """The body; ApiError (413) as soon as it is larger than the limit."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
    return bytes(body)


async def unless_left(request: Request, answer: asyncio.Future[Response]) -> Response:
    """The answer, unless the caller leaves before it is there (ClientDisconnect)."""
    leaving = asyncio.ensure_future(request.receive())  # the next message is the disconnect
    either: set[asyncio.Future[Any]] = {answer, leaving}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        leaving.cancel()


async def request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), status_code=error.status, headers=error.headers())


async def caller_left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; nginx's number for the access log


def serve(make_app: Callable[[Failed], Starlette], host: str, port: int) -> None:
    """Serve until SIGTERM: finish what is being answered, then leave.

    Ends with status 1 and the reason once `make_app`'s argument has been told one.
    """
    reasons: list[str] = []

    def failed(reason: str) -> None:
        reasons.append(reason)
        uvicorn_server.should_exit = True

    config = uvicorn.Config(
        make_app(failed),
        host=host,
        port=port,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        access_log=False,
    )
    uvicorn_server = uvicorn.Server(config)
    uvicorn_server.run()
    if reasons:
        print(reasons[0], file=sys.stderr, flush=True)
        # A thread that hangs in a driver could keep the interpreter from ending.
        os._exit(1)
