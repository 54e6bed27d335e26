"""vLLM's server as far as clients see it, with no model: it says what tools and tests ask it to.

It takes the place of `vllm.entrypoints.openai.api_server`, behind the kit's own entrypoint and
middleware. The shapes are those of vLLM's `chat_completion/protocol.py`.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

ANSWER = "いいえ、晴れです。"
ARGUMENTS = {"city": "東京"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
# Whoever says this sees a stream that breaks off.
BREAKS_OFF = "break off"


async def ping(request: Request) -> Response:
    return Response()


async def invocations(request: Request) -> Response:
    asked = await request.json()
    if not asked.get("stream"):
        calls = _calls(asked)
        said = {"content": None if calls else ANSWER, "tool_calls": calls}
        message = {"role": "assistant", "refusal": None, "reasoning": None, **said}
        choice = {"index": 0, "message": message, "logprobs": None, "stop_reason": None}
        choices = [{**choice, "finish_reason": _reason(asked)}]
        return JSONResponse({**_head(asked, ""), "choices": choices, "usage": USAGE})
    events = (f"data: {one}\n\n" for one in _events(asked))
    return StreamingResponse(events, media_type="text/event-stream")


def _events(asked: dict[str, Any]) -> Iterator[str]:
    head = _head(asked, ".chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return json.dumps({**head, "choices": [choice], "usage": USAGE})

    yield chunk({"role": "assistant", "content": ""})
    if asked["messages"][-1]["content"] == BREAKS_OFF:
        yield chunk({"content": ANSWER[:2]})
        error = {"message": "the engine died", "type": "InternalServerError", "code": 500}
        yield json.dumps({"error": error})
    else:
        for index, call in enumerate(_calls(asked)):
            function = call["function"]
            begin = {**call, "index": index, "function": {**function, "arguments": ""}}
            yield chunk({"tool_calls": [begin]})
            for part in (function["arguments"][:5], function["arguments"][5:]):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        if not _calls(asked):
            yield from (chunk({"content": part}) for part in ANSWER)
        yield chunk({}, _reason(asked))
        yield json.dumps({**head, "choices": [], "usage": USAGE})
    yield "[DONE]"


def _head(asked: dict[str, Any], suffix: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": f"chat.completion{suffix}",
        "created": 1,
        "model": asked["model"],
        "service_tier": None,
        "system_fingerprint": None,
    }


def _reason(asked: dict[str, Any]) -> str:
    return "tool_calls" if _calls(asked) else "stop"


def _calls(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """A call of each tool, until they have been called."""
    if asked.get("tool_choice") == "none" or asked["messages"][-1]["role"] == "tool":
        return []
    said = json.dumps(ARGUMENTS, ensure_ascii=False)
    return [
        {
            "id": f"chatcmpl-tool-{number}",
            "type": "function",
            "function": {"name": tool["function"]["name"], "arguments": said},
        }
        for number, tool in enumerate(asked.get("tools") or [])
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--host", "--middleware"):
        parser.add_argument(option)
    parser.add_argument("--port", type=int)
    options, _ = parser.parse_known_args()
    module, _, name = options.middleware.rpartition(".")
    middleware = Middleware(getattr(importlib.import_module(module), name))
    routes = [
        Route("/ping", ping, methods=["GET"]),
        Route("/invocations", invocations, methods=["POST"]),
    ]
    app = Starlette(routes=routes, middleware=[middleware])
    uvicorn.run(app, host=options.host, port=options.port, access_log=False)


if __name__ == "__main__":
    main()
