"""Providers on loopback that answer as they are told to: OpenAI's protocol, and Bedrock's."""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """`answers` by question, else `other`, or what `say` makes of a request.

    `refusals` are statuses with headers and bodies that come first, `raw` a body in place of all.
    Whole answers, and each half of a streamed one, take `seconds`.
    """

    answers: dict[str, str] = field(default_factory=dict)
    other: str = "知りません。"
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    seconds: float = 0.0
    counts_tokens: bool = True
    breaks_off: bool = False
    raw: bytes | None = None
    say: Callable[[dict[str, Any]], str] | None = None


class Endpoint(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.behaviour = behaviour
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        behaviour = self.server.behaviour
        if behaviour.refusals:
            self._send(*behaviour.refusals.pop(0))
        elif behaviour.raw is not None:
            self._send(200, {"Content-Type": "application/json"}, behaviour.raw)
        else:
            self.answer(behaviour, body)

    def answer(self, behaviour: Behaviour, body: dict[str, Any]) -> None:
        raise NotImplementedError

    def stream(self, kind: str, first: bytes, rest: bytes) -> None:
        """Two parts: the second is late, or never comes."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(self.server.behaviour.seconds)
        self._chunk(first)
        if not self.server.behaviour.breaks_off:
            time.sleep(self.server.behaviour.seconds)
            self._chunk(rest)
            self._chunk(b"")
        self.close_connection = True

    def _chunk(self, content: bytes) -> None:
        # Whoever doesn't wait is gone by now.
        with suppress(BrokenPipeError):
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()

    def whole(self, value: Any) -> None:
        time.sleep(self.server.behaviour.seconds)
        self._send(200, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *words: object) -> None:
        """Nothing: what is asked is in `requests`."""


class OpenAIHandler(_Handler):
    def answer(self, behaviour: Behaviour, body: dict[str, Any]) -> None:
        said = behaviour.answers.get(body["messages"][-1]["content"], behaviour.other)
        said = behaviour.say(body) if behaviour.say else said
        usage = {"prompt_tokens": 10, "completion_tokens": len(said), "total_tokens": 10}
        own = {"id": "c-1", "object": "chat.completion", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop",
                      "message": {"role": "assistant", "content": said}}  # fmt: skip
            self.whole({**own, "choices": [choice], **_counted(behaviour, usage)})
            return
        half = len(said) // 2
        parts: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            for text in (said[:half] or said, said[half:] if half else "")
        ]
        if behaviour.counts_tokens and body["stream_options"]["include_usage"]:
            parts.append({"choices": [], "usage": usage})
        head, *tail = [f"data: {json.dumps({**own, **part})}\n\n" for part in parts]
        end = "".join(tail) + "data: [DONE]\n\n"
        self.stream("text/event-stream", head.encode(), end.encode())


def _counted(behaviour: Behaviour, usage: dict[str, int]) -> dict[str, Any]:
    return {"usage": usage} if behaviour.counts_tokens else {}


class BedrockHandler(_Handler):
    def answer(self, behaviour: Behaviour, body: dict[str, Any]) -> None:
        asked = body["messages"][-1]["content"][0]["text"]
        said = behaviour.answers.get(asked, behaviour.other)
        usage = {"inputTokens": 10, "outputTokens": len(said), "totalTokens": 10 + len(said)}
        metrics = {"latencyMs": 1}
        if self.path.endswith("/converse"):
            message = {"role": "assistant", "content": [{"text": said}]}
            self.whole({"output": {"message": message}, "stopReason": "end_turn",
                        "usage": usage, "metrics": metrics})  # fmt: skip
            return
        delta = [{"contentBlockIndex": 0, "delta": {"text": text}} for text in (said[:1], said[1:])]
        rest = [
            event("contentBlockDelta", delta[1]),
            event("messageStop", {"stopReason": "end_turn"}),
            event("metadata", {"usage": usage, "metrics": metrics}),
        ]
        if behaviour.breaks_off:
            behaviour.breaks_off = False
            rest = [event("throttlingException", {"message": "slow down"}, kind="exception")]
        first = event("messageStart", {"role": "assistant"}) + event("contentBlockDelta", delta[0])
        self.stream("application/vnd.amazon.eventstream", first, b"".join(rest))


def event(name: str, payload: dict[str, Any], kind: str = "event") -> bytes:
    """One message of AWS's event stream encoding."""
    headers = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value))
        + value.encode()
        for key, value in {
            f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind,
        }.items()
    )  # fmt: skip
    content = json.dumps(payload).encode()
    prelude = struct.pack("!II", len(headers) + len(content) + 16, len(headers))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    message = prelude + headers + content
    return message + struct.pack("!I", zlib.crc32(message))


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler], **behaviour: Any) -> Iterator[Endpoint]:
    with Endpoint(handler, Behaviour(**behaviour)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
