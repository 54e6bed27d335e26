"""A model that takes a given time, as an OpenAI server has it and as a SageMaker endpoint does.

`python -m benchmarks.proxies.model_server MILLISECONDS` says its port, and answers until it is
ended. Each answer has 20 parts where it is streamed.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import zlib
from typing import Any

from meguru.model_version import Answering

NUM_PARTS = 20
PART = "経費は翌月の"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/text/1"
# What a SageMaker endpoint says of which version answers.
ATTRIBUTES = Answering(PACKAGE).attributes()
SAID = f"x-amzn-sagemaker-custom-attributes: {ATTRIBUTES}"
USAGE = {"prompt_tokens": 20, "completion_tokens": NUM_PARTS, "total_tokens": 20 + NUM_PARTS}
HEAD = {"id": "m", "created": 1, "model": "m"}


def completion() -> bytes:
    message = {"role": "assistant", "content": PART * NUM_PARTS}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    said = HEAD | {"object": "chat.completion", "choices": [choice], "usage": USAGE}
    return json.dumps(said, ensure_ascii=False).encode()


def events() -> list[bytes]:
    """The parts of a stream, as server-sent events, with usage in the last."""
    head = HEAD | {"object": "chat.completion.chunk"}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": PART}, None)] * NUM_PARTS + [({}, "stop")]
    chunks: list[dict[str, Any]] = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": None}
        for delta, reason in deltas
    ]
    chunks.append(head | {"choices": [], "usage": USAGE})
    texts = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return [f"data: {text}\n\n".encode() for text in [*texts, "[DONE]"]]


def message(payload: bytes) -> bytes:
    """A message of AWS's event streams with a part of the answer."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack("!H", len(value)) + value
        for name, value in ((b":message-type", b"event"), (b":event-type", b"PayloadPart"))
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    whole = prelude + headers + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


WHOLE = completion()
SSE = events()
AWS_EVENTS = [message(event) for event in SSE]


class Model:
    """Answers every connection's requests one after the other."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        lines = head.decode("latin-1").lower().split("\r\n")
        sized = (line.split(":")[1] for line in lines if line.startswith("content-length:"))
        body = json.loads(await reader.readexactly(int(next(sized, "0"))) or b"{}")
        if self._seconds:
            await asyncio.sleep(self._seconds)
        is_aws = lines[0].startswith("post /endpoints/")
        if body.get("stream"):
            kind = "application/vnd.amazon.eventstream" if is_aws else "text/event-stream"
            writer.write(_head(kind, "transfer-encoding: chunked"))
            for part in AWS_EVENTS if is_aws else SSE:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(_head("application/json", f"content-length: {len(WHOLE)}") + WHOLE)
        await writer.drain()


def _head(content_type: str, framing: str) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n{SAID}\r\n\r\n".encode()
    )


async def main(seconds: float) -> None:
    server = await asyncio.start_server(Model(seconds).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000))
