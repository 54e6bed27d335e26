"""The model server says what each answer has used, whole, streamed, left, or refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from inference_containers.text.vllm_usage import UsageLog
from meguru.model_version import ATTRIBUTES_HEADER
from meguru.usage_report import UsageReport, request_attributes, started_line
from tests.unit.inference_containers.text.conftest import Container

HEADERS = {ATTRIBUTES_HEADER: request_attributes("consumer#app#2026-11", "id")}


@pytest.fixture(scope="module")
def own(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A container whose output is read here, and no other test's."""
    base_dir = tmp_path_factory.mktemp("base")
    (base_dir / "model").symlink_to(model_folder)
    container = Container(base_dir)
    try:
        container.pings()
        yield container
    finally:
        container.close()


def reported(container: Container) -> tuple[int, int]:
    assert container.process.stdout is not None
    for line in container.process.stdout:
        if report := UsageReport.read(line):
            assert report.reservation_id == "id"
            return report.prompt_tokens, report.completion_tokens
    raise AssertionError("nothing was said")


def test_our_engine(own: Container, chat: Any) -> None:
    with httpx2.Client(base_url=str(own.client.base_url), headers=HEADERS, timeout=60) as client:
        whole = client.post("/invocations", json=chat(max_tokens=7)).json()["usage"]
        assert reported(own) == (whole["prompt_tokens"], whole["completion_tokens"])
        client.post("/invocations", json=chat(max_tokens=5, stream=True)).read()
        assert reported(own) == (whole["prompt_tokens"], 5)
        assert client.post("/invocations", json=chat(max_tokens=-1)).status_code == 400
        assert reported(own) == (0, 0)
        with client.stream("POST", "/invocations", json=chat(stream=True)) as left:
            next(left.iter_bytes())
        prompt_tokens, completion_tokens = reported(own)
    assert prompt_tokens in (0, whole["prompt_tokens"]) and completion_tokens < 100


def asked(parts: list[bytes], *, status: int = 200, leaves: bool = False) -> None:
    """Have these parts answered to a request that names a reservation, or to one who leaves."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status})
        for part in parts:
            await send({"type": "http.response.body", "body": part})
        if leaves:
            raise asyncio.CancelledError

    async def send(message: Any) -> None:
        pass

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    run = UsageLog(app)({"type": "http", "headers": headers}, receive, send)
    try:
        asyncio.run(run)
    except asyncio.CancelledError:
        assert leaves


def chunk(index: int | None, prompt: int, completion: int) -> bytes:
    choices = [] if index is None else [{"index": index, "delta": {}}]
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    said = {"object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


USAGE = {"prompt_tokens": 4, "completion_tokens": 9}
WHOLE = json.dumps({"object": "chat.completion", "choices": [{}], "usage": USAGE}).encode()


@pytest.mark.parametrize(
    ("parts", "options", "said"),
    [
        ([WHOLE], {}, "4 9"),
        ([WHOLE[:30], WHOLE[30:]], {}, "4 9"),
        ([chunk(0, 4, 1), chunk(0, 4, 2), chunk(None, 4, 2), b"data: [DONE]\n\n"], {}, "4 2"),
        ([chunk(0, 4, 1), chunk(0, 4, 2)[:9]], {"leaves": True}, "4 1"),
        # Two choices, of which each chunk counts its own.
        ([chunk(0, 4, 3), chunk(1, 4, 2)], {"leaves": True}, "4 5"),
        ([b'{"error": {}}'], {"status": 400}, "0 0"),
        ([], {"leaves": True}, None),
        ([b'data: "usage" no JSON\n\n'], {"leaves": True}, None),
    ],
)
def test_vllm(
    parts: list[bytes], options: Any, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(parts, **options)
    started, *lines = capsys.readouterr().out.splitlines()
    assert started == started_line("consumer%23app%232026-11/id")
    report = UsageReport.read(lines[0]) if lines else None
    assert said == (report and f"{report.prompt_tokens} {report.completion_tokens}")
