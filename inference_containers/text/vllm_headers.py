"""A middleware of vLLM's server: each answer says which model version and prompt it is from."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from meguru.model_version import ATTRIBUTES_HEADER, Answering

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]


class VersionHeader:
    """Adds SageMaker's attributes header where the container was told its model version."""

    def __init__(self, app: App) -> None:
        self._app = app
        version = os.environ.get("MODEL_VERSION", "")
        answering = Answering(version, os.environ.get("PROMPT_VERSION", ""))
        header = (ATTRIBUTES_HEADER.lower().encode(), answering.attributes().encode())
        self._headers = [header] if version else []

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send
    ) -> None:
        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_version)
