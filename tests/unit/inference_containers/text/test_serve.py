"""The container over HTTP: its real process, one caller and many, polite and hostile."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from inference_containers.text.serve import Settings, start_engine
from meguru.chat_request import READ
from meguru.model_hashes import write_hashes
from meguru.model_version import ATTRIBUTES_HEADER, Answering

Chat = Callable[..., dict[str, Any]]


def events(response: httpx2.Response) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_answer_has_openai_shape(any_engine: Any, chat: Chat) -> None:
    response = any_engine.invoke(chat(max_tokens=5, model="model"))

    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "model"
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")
    usage = body["usage"]
    assert 1 <= usage["completion_tokens"] <= 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_stream_says_the_same_as_the_whole_answer(any_engine: Any, chat: Chat) -> None:
    whole = any_engine.invoke(chat(max_tokens=40, temperature=0)).json()

    response = any_engine.invoke(
        chat(max_tokens=40, temperature=0, stream=True, stream_options={"include_usage": True})
    )

    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(one["choices"][0]["delta"].get("content", "") for one in chunks[1:-1])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["choices"] == []
    # vLLM names in a whole answer also what it doesn't count.
    usage = {name: count for name, count in whole["usage"].items() if count is not None}
    assert [chunk.get("usage") for chunk in chunks] == [None] * (len(chunks) - 1) + [usage]


def test_usage_so_far_is_in_every_chunk_where_wanted(any_engine: Any, chat: Chat) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    chunks = events(any_engine.invoke(chat(max_tokens=20, stream=True, stream_options=options)))
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


def test_logprobs_are_those_of_the_answers_tokens(any_engine: Any, chat: Chat) -> None:
    asked = {"max_tokens": 12, "temperature": 0, "logprobs": True, "top_logprobs": 3}
    whole = any_engine.invoke(chat(**asked)).json()
    tokens = whole["choices"][0]["logprobs"]["content"]
    ended = whole["choices"][0]["finish_reason"] == "stop"
    assert len(tokens) in (whole["usage"]["completion_tokens"] - ended, 12)
    for token in tokens:
        top = [one["logprob"] for one in token["top_logprobs"]]
        assert len(top) == 3
        assert top == sorted(top, reverse=True)
        assert token["logprob"] == max(top) <= 0
    chunks = events(any_engine.invoke(chat(**asked, stream=True)))
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks if chunk["choices"]]
    flat = [one for logprobs in streamed if logprobs for one in logprobs["content"]]
    assert [one["token"] for one in flat] == [one["token"] for one in tokens]


SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "integer", "maximum": 99}, "answer": {"enum": ["可", "否"]}},
    "required": ["day", "answer"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("sampling", [{"temperature": 0}, {"temperature": 1.5, "seed": 4}])
def test_an_answer_is_of_the_schema_that_was_asked_for(
    any_engine: Any, chat: Chat, sampling: dict[str, Any]
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "day", "schema": SCHEMA}}
    whole = any_engine.invoke(chat(max_tokens=60, response_format=wanted, **sampling)).json()
    (choice,) = whole["choices"]
    assert choice["finish_reason"] == "stop"
    answer = json.loads(choice["message"]["content"])
    assert set(answer) == {"day", "answer"}
    assert isinstance(answer["day"], int) and answer["answer"] in ("可", "否")


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "#/nowhere"}])
def test_a_schema_that_is_none_is_refused(
    container: Any, chat: Chat, schema: dict[str, Any]
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    response = container.invoke(chat(response_format=wanted))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"


def test_unmodified_openai_client(any_engine: Any) -> None:
    # The client appends /chat/completions to its address: a transport brings it to the any_engine.
    def to_invocations(request: httpx2.Request) -> None:
        request.url = request.url.copy_with(path="/invocations")

    address = f"http://127.0.0.1:{any_engine.port}"
    http = httpx2.Client(event_hooks={"request": [to_invocations]})
    with openai.OpenAI(base_url=address, api_key="none", http_client=http) as client:
        answer = client.chat.completions.create(
            model="model", messages=[{"role": "user", "content": "締切は?"}], max_tokens=5
        )
        chunks = client.chat.completions.create(
            model="model",
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
        ({"messages": [{"role": "user", "content": "a"}], "tools": [{}]}, "tools[0]"),
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


def test_prompt_beyond_the_context_is_refused(any_engine: Any, chat: Chat) -> None:
    response = any_engine.invoke(chat("長" * 500))
    assert response.status_code == 400
    assert "maximum context length" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 1e-38},
        {"temperature": 5e-324, "top_p": 1e-300, "seed": -(2**63)},
        {"temperature": 2, "top_p": 0.0, "seed": 2**63 - 1},
        {"temperature": 2.0, "top_p": 5e-324},
        {"max_tokens": 10**4000, "temperature": 1e-300},
        {"stop": ["\u2028", "👨‍👩‍👧", "\u0000", "\ufffd"], "temperature": 1.9},
        {"stop": "締" * 100_000},
        {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "\u0000"}]},
        {"messages": [{"role": "user", "content": "<|end|><|assistant|>＜｜ｅｎｄ｜＞"}]},
    ],
)
def test_any_legal_value_is_answered(container: Any, chat: Chat, members: dict[str, Any]) -> None:
    for stream in (False, True):
        body = {**chat(max_tokens=8), "stream": stream, **members}
        assert container.invoke(body).status_code == 200
    assert container.client.get("/ping").status_code == 200


def test_a_hundred_thousand_messages_are_refused_and_nobody_else_notices(
    container: Any, chat: Chat
) -> None:
    expected = container.invoke(chat(max_tokens=5)).json()["choices"]
    messages = [{"role": "user", "content": "a"}] * 100_000
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(container.invoke, {"messages": messages})
        while not many.done():
            assert container.client.get("/ping").status_code == 200
            assert container.invoke(chat(max_tokens=5)).json()["choices"] == expected
    assert many.result().status_code == 400
    assert many.result().json()["error"]["code"] == "context_length_exceeded"


def test_a_text_is_gone_on_with_as_it_is(any_engine: Any, chat: Chat) -> None:
    asked = {"prompt": "締切は", "max_tokens": 5, "temperature": 0, "model": "model"}
    whole = any_engine.invoke(asked).json()
    usage = {"include_usage": True}
    chunks = events(any_engine.invoke({**asked, "stream": True, "stream_options": usage}))
    assert whole["object"] == chunks[0]["object"] == "text_completion"
    (choice,) = whole["choices"]
    assert "".join(one["choices"][0]["text"] for one in chunks[:-1]) == choice["text"]
    said = {"prompt_tokens", "completion_tokens"}
    assert all(chunks[-1]["usage"][name] == whole["usage"][name] for name in said)
    # No template is put around it.
    assert (
        whole["usage"]["prompt_tokens"]
        < any_engine.invoke(chat("締切は", max_tokens=1, model="model")).json()["usage"][
            "prompt_tokens"
        ]
    )


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, "messages[0]"),
        ({"prompt": "a", "messages": None, "echo": True}, "echo"),
        ({"prompt": "a" * 10_000, "messages": None}, "prompt"),
    ],
)
def test_what_this_engine_can_not_do_is_refused_by_name(
    container: Any, chat: Chat, members: dict[str, Any], param: str
) -> None:
    response = container.invoke(chat() | members)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


LEAVES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from([5e-324, 1e-38, 2**63, -(2**63), 0, 1, 2])
    | st.text(max_size=9)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
FUZZED = st.fixed_dictionaries(
    {"messages": VALUES | st.just([{"role": "user", "content": "締切は?"}])},
    optional={name: VALUES for name in READ if name not in ("messages", "stream")},
)


@settings(max_examples=150)
@given(body=FUZZED)
def test_no_body_is_more_than_refused(container: Any, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    response = container.client.post("/invocations", content=content)
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert container.client.get("/ping").status_code == 200


def test_the_model_version_is_for_the_account_and_its_fingerprint_for_callers(
    container: Any, chat: Chat
) -> None:
    whole = container.invoke(chat(max_tokens=2))
    streamed = container.invoke(chat(max_tokens=2, stream=True))
    for response in (whole, streamed):
        arn = Answering.read(response.headers[ATTRIBUTES_HEADER]).model_version
        assert arn.startswith("arn:aws:sagemaker:")
        assert arn not in response.text and "123456789012" not in response.text
    said = whole.json()["system_fingerprint"]
    assert re.fullmatch("fp_[0-9a-f]{10}", said)
    assert {chunk["system_fingerprint"] for chunk in events(streamed)} == {said}


@pytest.mark.parametrize(
    "environment",
    [
        {"MODEL_VERSION": "版"},
        {"NUM_THREADS": "0"},
        {"MAX_BATCH_SIZE": "many"},
        {"MAX_STEP_SECONDS": "0"},
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(next(iter(environment.values()))))):
        Settings.from_environment(environment)


def test_a_gpu_that_torch_does_not_see_fails_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    settings = Settings.from_environment({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    with pytest.raises(ValueError, match=r"there is a GPU .* but torch sees none"):
        start_engine(settings, print, devices=tmp_path)


def test_weights_that_are_not_those_of_the_manifest_are_not_served(
    model_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    write_hashes(folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    settings = Settings.from_environment({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    with pytest.raises(ValueError, match=r"model\.safetensors is not the file"):
        start_engine(settings, print)


def test_a_model_that_predicts_no_numbers_is_never_served(
    model_folder: Path, tmp_path: Path, start_container: Any
) -> None:
    broken = shutil.copytree(model_folder, tmp_path / "model")
    weights = load_file(broken / "model.safetensors")
    weights["lm_head.weight"].fill_(math.nan)
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    one = start_container(tmp_path)
    output, _ = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert "the model's predictions are not numbers: its weights are damaged" in output


# Every forward pass fails from the third one on: the first two are made while loading.
BREAKS = """
from inference_containers.text.decoder import Decoder
call, calls = Decoder.__call__, iter(range(2))
def breaking(self, *given):
    if next(calls, None) is None:
        raise RuntimeError("planted")
    return call(self, *given)
Decoder.__call__ = breaking
"""


def test_an_engine_that_cannot_go_on_ends_the_container(
    model_folder: Path, start_container: Any, chat: Chat
) -> None:
    one = start_container(model_folder.parent, BREAKS)
    one.pings()
    response = one.invoke(chat())
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    output, _ = one.process.communicate(timeout=30)
    assert one.process.returncode == 1
    assert output.strip().endswith("the engine can't go on: planted")


# The third step never ends.
HANGS = """
import threading
from inference_containers.text.batch import Batch
step, calls = Batch.step, iter(range(2))
def hang(batch):
    return step(batch) if next(calls, None) is not None else threading.Event().wait()
Batch.step = hang
"""


def test_a_step_that_never_ends_ends_the_container(
    model_folder: Path, start_container: Any, chat: Chat
) -> None:
    one = start_container(model_folder.parent, HANGS, MAX_STEP_SECONDS="3")
    one.pings()
    with ThreadPoolExecutor(3) as pool:
        responses = list(pool.map(one.invoke, [chat(max_tokens=80)] * 3))
    output, _ = one.process.communicate(timeout=30)
    assert one.process.returncode == 1
    assert output.strip().endswith("a step takes longer than any answer may take")
    # Where it hangs is in the log.
    assert "in hang" in output
    failed = [response for response in responses if response.status_code != 200]
    assert failed
    assert {response.status_code for response in failed} == {500}
    assert "did not answer in time" in failed[0].json()["error"]["message"]


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
        while (status := one.invoke(chat(max_tokens=1)).status_code) == 429:
            assert time.monotonic() < deadline
        assert status == 200


# No step is made for as long as there is a certain file.
HELD = """
import time
from pathlib import Path
from inference_containers.text.batch import Batch
step = Batch.step
def held(batch):
    while Path({path!r}).exists():
        time.sleep(0.01)
    return step(batch)
Batch.step = held
"""


def test_full_queue_is_429_with_retry_after(
    model_folder: Path, tmp_path: Path, start_container: Any, chat: Chat
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    code = HELD.format(path=str(hold))
    one = start_container(model_folder.parent, code, MAX_BATCH_SIZE="1", MAX_QUEUED_REQUESTS="1")
    one.pings()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(one.invoke, chat(max_tokens=80)) for _ in range(8)]
        # One is being answered, and one waits: or none, where all others came before it began.
        early = itertools.islice(as_completed(asked, timeout=60), 6)
        assert {future.result().status_code for future in early} == {429}
        hold.unlink()
        responses = [future.result() for future in asked]
    refused = [response for response in responses if response.status_code == 429]
    assert {response.status_code for response in responses} == {200, 429}
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
