"""The container over HTTP: its real process, one caller and many, polite and hostile."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

Chat = Callable[..., dict[str, Any]]


def events(response: httpx2.Response) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_answer_has_openai_shape(container: Any, chat: Chat) -> None:
    response = container.invoke(chat(max_tokens=5, model="faq"))

    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "faq"
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")
    usage = body["usage"]
    assert 1 <= usage["completion_tokens"] <= 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_stream_says_the_same_as_the_whole_answer(container: Any, chat: Chat) -> None:
    whole = container.invoke(chat(max_tokens=40)).json()

    response = container.invoke(
        chat(max_tokens=40, stream=True, stream_options={"include_usage": True})
    )

    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(one["choices"][0]["delta"].get("content", "") for one in chunks[1:-1])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["choices"] == []
    assert [chunk["usage"] for chunk in chunks] == [None] * (len(chunks) - 1) + [whole["usage"]]


def test_usage_so_far_is_in_every_chunk_where_wanted(container: Any, chat: Chat) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    chunks = events(container.invoke(chat(max_tokens=20, stream=True, stream_options=options)))
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts == sorted(counts)
    assert counts[-2] == counts[-1] > 0


def test_concurrent_answers_are_those_given_alone(container: Any, chat: Chat) -> None:
    questions = [
        chat("締切は" + "何日" * length + "?", max_tokens=10 + 5 * length, **sampling)
        for length in range(6)
        for sampling in ({}, {"temperature": 0.8, "seed": length})
    ]
    alone = [container.invoke(question).json() for question in questions]

    with ThreadPoolExecutor(len(questions)) as pool:
        together = [one.json() for one in pool.map(container.invoke, questions)]

    assert [one["choices"] for one in together] == [one["choices"] for one in alone]
    assert [one["usage"] for one in together] == [one["usage"] for one in alone]


def test_unmodified_openai_client(container: Any) -> None:
    # The client appends /chat/completions to its address: a transport brings it to the container.
    def to_invocations(request: httpx2.Request) -> None:
        request.url = request.url.copy_with(path="/invocations")

    address = f"http://127.0.0.1:{container.port}"
    http = httpx2.Client(event_hooks={"request": [to_invocations]})
    with openai.OpenAI(base_url=address, api_key="none", http_client=http) as client:
        answer = client.chat.completions.create(
            model="faq", messages=[{"role": "user", "content": "締切は?"}], max_tokens=5
        )
        chunks = client.chat.completions.create(
            model="faq",
            messages=[{"role": "user", "content": "締切は?"}],
            max_completion_tokens=5,
            stream=True,
        )
        text = "".join(one.choices[0].delta.content or "" for one in chunks)
    assert text == answer.choices[0].message.content


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}], "tools": [{}]}, "tools"),
    ],
)
def test_hostile_body_is_400_in_openai_shape(
    container: Any, body: dict[str, Any], param: str
) -> None:
    response = container.invoke(body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_prompt_beyond_the_context_is_refused(container: Any, chat: Chat) -> None:
    response = container.invoke(chat("長" * 500))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"


def test_large_body_is_refused(container: Any) -> None:
    response = container.client.post("/invocations", content=b"[" * (7 * 1024 * 1024))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


def test_callers_that_leave_free_their_places(
    model_folder: Path, start_container: Any, chat: Chat
) -> None:
    one = start_container(model_folder.parent, MAX_BATCH_SIZE="1", MAX_QUEUED_REQUESTS="1")
    one.pings()
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    for stream in (True, False) * 10:
        body = json.dumps(chat(max_tokens=90, stream=stream)).encode()
        with socket.create_connection(("127.0.0.1", one.port)) as leaving:
            leaving.sendall(head % len(body) + body)
            if stream:
                leaving.recv(100)
        # The place is free at once, or the next caller would find the queue full.
        deadline = time.monotonic() + 5
        while (status := one.invoke(chat(max_tokens=1)).status_code) == 503:
            assert time.monotonic() < deadline
        assert status == 200


def test_full_queue_is_503_with_retry_after(
    model_folder: Path, start_container: Any, chat: Chat
) -> None:
    one = start_container(model_folder.parent, MAX_BATCH_SIZE="1", MAX_QUEUED_REQUESTS="1")
    one.pings()
    with ThreadPoolExecutor(24) as pool:
        bodies = [chat(max_tokens=80)] * 24
        responses = list(pool.map(one.invoke, bodies))
    refused = [response for response in responses if response.status_code == 503]
    assert refused
    assert {response.status_code for response in responses} == {200, 503}
    assert all(response.headers["retry-after"] == "1" for response in refused)
    assert refused[0].json()["error"]["code"] == "overloaded"


def test_ping_is_503_until_loaded_and_sigterm_drains(
    model_folder: Path, start_container: Any, chat: Chat
) -> None:
    one = start_container(model_folder.parent)
    assert one.pings()[0] == 503
    body = chat(max_tokens=85, temperature=1.0, seed=1, stream=True)
    with one.client.stream("POST", "/invocations", json=body) as response:
        lines = response.iter_lines()
        next(lines)
        one.process.send_signal(signal.SIGTERM)
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert one.process.wait(timeout=10) in (0, -signal.SIGTERM)


def test_model_that_cannot_be_loaded_ends_the_container(
    tmp_path: Path, start_container: Any
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"pickle")
    one = start_container(tmp_path)
    output, _ = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert "model.bin is refused" in output
