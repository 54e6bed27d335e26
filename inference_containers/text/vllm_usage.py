"""What vLLM has used for a request, read from its answer and said in the log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from inference_containers.serving import usage_log
from meguru.model_version import ATTRIBUTES_HEADER

_ATTRIBUTES = ATTRIBUTES_HEADER.lower().encode()
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class UsageLog:
    """Says for each request that names a reservation what its answer says, however that ends.

    Of a caller who leaves before vLLM has said anything, nothing is known: the ledger charges the
    bound.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", []))
        reservation = usage_log.begin(headers.get(_ATTRIBUTES, b"").decode("latin-1"))
        if reservation is None:
            await self._app(scope, receive, send)
            return
        usage = Usage()

        async def send_read(message: Message) -> None:
            if message["type"] == "http.response.start":
                usage.status = message["status"]
            usage.read(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_read)
        finally:
            if found := usage.found():
                usage_log.report(reservation, *found)


class Usage:
    """The tokens in an answer, whole or in events of which each has the usage so far."""

    def __init__(self) -> None:
        self.status = 0
        self._rest = b""
        self._prompt_tokens: int | None = None
        self._by_choice: dict[int, int] = {}
        self._total: int | None = None

    def read(self, part: bytes) -> None:
        *events, self._rest = (self._rest + part).split(b"\n\n")
        for event in events:
            self._read(event.removeprefix(b"data: "))

    def found(self) -> tuple[int, int] | None:
        """Prompt and completion tokens; none of what was refused, None where nothing is known."""
        if self.status >= 400:
            return 0, 0
        self._read(self._rest)
        if self._prompt_tokens is None:
            return None
        total = sum(self._by_choice.values()) if self._total is None else self._total
        return self._prompt_tokens, total

    def _read(self, text: bytes) -> None:
        # Of each part of an answer: what has no usage is not worth reading.
        if b'"usage"' not in text:
            return
        try:
            said = json.loads(text)
        except ValueError:
            return
        usage = said.get("usage")
        if not usage:
            return
        self._prompt_tokens = usage["prompt_tokens"]
        tokens = usage.get("completion_tokens") or 0
        if said.get("object", "").endswith(".chunk") and said["choices"]:
            # The usage so far is that of its own choice.
            self._by_choice[said["choices"][0]["index"]] = tokens
        else:
            self._total = tokens
