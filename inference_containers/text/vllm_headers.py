"""A middleware of vLLM's server: an adapter always answers, and each answer says of what it is."""

from __future__ import annotations

import os

from inference_containers.text.vllm_usage import App, Message, Receive, Send, UsageLog
from meguru.model_version import ATTRIBUTES_HEADER, Answering

# At /invocations vLLM takes the adapter's name from this header alone: it overwrites the `model` of
# the body with it, and without it the base model answers, whatever was asked for.
ADAPTER_HEADER = "X-Amzn-SageMaker-Adapter-Identifier"


class Headers:
    """Sets the adapter's name on requests, and SageMaker's attributes on answers.

    They are variables: ADAPTER_NAME, MODEL_VERSION, PROMPT_VERSION, each of which may be empty.
    """

    def __init__(self, app: App) -> None:
        self._app = UsageLog(app)
        adapter, version = os.environ.get("ADAPTER_NAME"), os.environ.get("MODEL_VERSION")
        answering = Answering(version or "", os.environ.get("PROMPT_VERSION", ""))
        self._asked = [_header(ADAPTER_HEADER, adapter)] if adapter else []
        self._answered = [_header(ATTRIBUTES_HEADER, answering.attributes())] if version else []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._answered]
            await send(message)

        if self._asked and scope["type"] == "http":
            name = self._asked[0][0]
            others = [one for one in scope["headers"] if one[0] != name]
            scope = {**scope, "headers": [*others, *self._asked]}
        await self._app(scope, receive, send_named)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode()
