"""The API by plain HTTP: every refusal is a 4xx in OpenAI's shape and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from cli.chat import ChatApi
from tests.e2e.loop_cloud import MODEL, NO_STORE, PAGE, LoopCloud

ASK: Any = {"model": MODEL, "messages": [{"role": "user", "content": "締切は?"}], "max_tokens": 4}
USER = {"role": "user", "content": "a"}


def send(
    cloud: LoopCloud, method: str, path: str, body: Any = None, **headers: str
) -> requests.Response:
    """A request with the environment's key; bytes and text go as they are.

    Its answer is made anew, unless the headers say otherwise.
    """
    content = body if isinstance(body, bytes | str | None) else json.dumps(body)
    return requests.request(
        method,
        f"{cloud.outputs['ApiBase']}/{path}",
        data=content,
        headers={**NO_STORE, "authorization": f"Bearer {cloud.account.api_key}", **headers},
        timeout=60,
    )


def error_of(answer: requests.Response) -> dict[str, Any]:
    """The error object, which has to be OpenAI's."""
    body = answer.json()
    assert set(body) == {"error"}, body
    assert answer.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str) and len(error["message"]) > 10
    assert isinstance(error["type"], str) and isinstance(error["code"], str)
    assert answer.headers["content-type"].startswith("application/json")
    return error


def test_a_chat_is_answered_and_recorded(cloud: LoopCloud) -> None:
    answer = send(cloud, "POST", "chat/completions", ASK)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["id"] == answer.headers["x-inference-id"]
    assert body["system_fingerprint"].startswith("fp_")
    assert "arn:" not in answer.text
    assert body["usage"]["total_tokens"] > 0
    [recorded] = [i for i in cloud.items("Inference") if i["inference_id"]["S"] == body["id"]]
    assert recorded["model_package_arn"]["S"] == cloud.serving()
    assert recorded["answer"]["S"] == body["choices"][0]["message"]["content"]


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_the_key_may_stand_in_either_header(cloud: LoopCloud, header: str) -> None:
    value = cloud.account.api_key if header == "x-api-key" else f"Bearer {cloud.account.api_key}"
    address = f"{cloud.outputs['ApiBase']}/models"
    assert requests.get(address, headers={header: value}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Basic abc"}, "missing_api_key"),
        ({"authorization": "Bearer "}, "missing_api_key"),
        ({"authorization": "Bearer nonsense"}, "invalid_api_key"),
        ({"x-api-key": "nonsense"}, "invalid_api_key"),
        ({"x-api-key": "x" * 2000}, "invalid_api_key"),
    ],
)
def test_who_has_no_key_is_refused(cloud: LoopCloud, headers: dict[str, str], code: str) -> None:
    before = cloud.counts()
    for method, path in (("GET", "models"), ("POST", "chat/completions"), ("POST", "feedback")):
        address = f"{cloud.outputs['ApiBase']}/{path}"
        answer = requests.request(method, address, headers=headers, json=ASK, timeout=30)
        assert answer.status_code == 403, answer.text
        assert error_of(answer)["code"] == code
    assert cloud.counts() == before


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"{'model': 1}", 400),
        (b"\xff\xfe\x00", 400),
        (json.dumps(ASK, ensure_ascii=False).encode("cp932"), 400),
        ("null", 400),
        ("[]", 400),
        ('"text"', 400),
        (DEEP, 400),
        ('{"model": NaN}', 400),
        ({}, 400),
        ({"model": MODEL}, 400),
        ({"model": 7, "messages": [USER]}, 400),
        ({"model": "", "messages": [USER]}, 400),
        ({"model": "gpt-5", "messages": [USER]}, 404),
        ({"model": MODEL, "messages": []}, 400),
        ({"model": MODEL, "messages": "a"}, 400),
        ({"model": MODEL, "messages": {"role": "user"}}, 400),
        ({"model": MODEL, "messages": [7]}, 400),
        ({"model": MODEL, "messages": [{"role": "robot", "content": "a"}]}, 400),
        ({"model": MODEL, "messages": [{"role": ["user"], "content": "a"}]}, 400),
        ({"model": MODEL, "messages": [{"role": "user"}]}, 400),
        ({"model": MODEL, "messages": [{"role": "user", "content": ""}]}, 400),
        ({"model": MODEL, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400),
        ({"model": MODEL, "messages": [USER], "max_tokens": -1}, 400),
        ({"model": MODEL, "messages": [USER], "max_tokens": "many"}, 400),
        ({"model": MODEL, "messages": [USER], "temperature": "hot"}, 400),
        ({"model": MODEL, "messages": [USER], "temperature": 1e9}, 400),
        ({"model": MODEL, "messages": [USER], "stop": 7}, 400),
        ({"model": MODEL, "messages": [USER], "n": 2**70}, 400),
        ({"model": MODEL, "messages": [USER], "user": 7}, 400),
        ({"model": MODEL, "messages": [USER], "metadata": ["a"]}, 400),
        ({"model": MODEL, "messages": [USER], "stream": "yes"}, 400),
        ({"model": MODEL, "messages": [USER], "stream_options": {}}, 400),
        ({"model": MODEL, "messages": [USER], "stream": True, "stream_options": 3}, 400),
        ({"model": MODEL, "messages": [{"role": "user", "content": "\ud800"}]}, 400),
        ({"model": MODEL, "messages": [{"role": "user", "content": "長い" * 2000}]}, 400),
        ({"model": MODEL, "messages": [USER], "stream": True, "max_tokens": -1}, 400),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, int) else "",
)
def test_a_hostile_chat_is_refused(cloud: LoopCloud, body: Any, status: int) -> None:
    before = cloud.counts()
    answer = send(cloud, "POST", "chat/completions", body)
    assert answer.status_code == status, answer.text[:500]
    # What only the model could refuse is recorded, as all that reaches a model.
    reached_model = error_of(answer)["code"] == "context_length_exceeded"
    assert cloud.counts() == before | {"Inference": before["Inference"] + reached_model}


@pytest.mark.parametrize("path", ["chat/completions", "feedback"])
@pytest.mark.parametrize("megabytes", [2, 10, 11])
def test_a_body_of_many_megabytes_is_too_large(cloud: LoopCloud, path: str, megabytes: int) -> None:
    before = cloud.counts()
    body = {"model": MODEL, "inference_id": "a", "messages": [USER], "pad": "x" * megabytes * 10**6}
    answer = send(cloud, "POST", path, body)
    assert answer.status_code in (400, 413), answer.text[:300]
    assert answer.status_code == 413 or (path == "feedback" and megabytes < 6)
    error_of(answer)
    assert cloud.counts() == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "unknown", 404),
        ("GET", "chat/completions", 404),
        ("POST", "models", 404),
        ("DELETE", f"models/{MODEL}", 404),
        ("PUT", "feedback", 404),
        ("GET", "models/unknown", 404),
        ("GET", "models/%2e%2e%2fsecret", 404),
        ("GET", "models/" + "x" * 3000, 404),
        ("POST", "chat/completions/", 400),
    ],
)
def test_a_path_that_is_not_there(cloud: LoopCloud, method: str, path: str, status: int) -> None:
    answer = send(cloud, method, path)
    assert answer.status_code in (status, 403, 404), answer.text[:300]
    error_of(answer)


def test_models_are_listed_and_described(cloud: LoopCloud) -> None:
    listed = send(cloud, "GET", "models").json()
    assert listed["data"][0]["id"] == MODEL
    for name in (MODEL, MODEL.replace("-", "%2D")):
        described = send(cloud, "GET", f"models/{name}")
        assert described.json() == listed["data"][0]
        assert described.headers["x-request-id"]


def test_a_stream_ends_with_done_and_is_recorded(cloud: LoopCloud) -> None:
    answer = send(cloud, "POST", "chat/completions", {**ASK, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [e.removeprefix("data: ") for e in answer.content.decode().split("\n\n") if e]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    [name] = {chunk["id"] for chunk in chunks}
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    recorded = cloud.wait(
        lambda: next((i for i in cloud.items("Inference") if i["inference_id"]["S"] == name), None),
        "the streamed answer's record",
    )
    assert recorded["answer"]["S"] == text
    assert recorded["model_package_arn"]["S"] == cloud.serving()


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 1e-38},
        {"temperature": 5e-324, "top_p": 1e-300, "seed": -(2**63)},
        {"messages": [{"role": "user", "content": "<|end|>＜｜ｅｎｄ｜＞とは?"}]},
    ],
)
def test_a_rare_request_is_answered_and_the_next_one_too(
    cloud: LoopCloud, members: dict[str, Any]
) -> None:
    for body in ({**ASK, **members}, ASK):
        assert send(cloud, "POST", "chat/completions", body).status_code == 200


def test_a_plan_s_burst_and_quota_are_kept(cloud: LoopCloud) -> None:
    address = f"{cloud.outputs['ApiBase']}/models"
    slow = {"x-api-key": cloud.create_key("slow", rate=0.1, burst=2)}
    answers = [requests.get(address, headers=slow, timeout=30) for _ in range(6)]
    throttled = [answer for answer in answers if answer.status_code == 429]
    assert len(throttled) == 4
    assert error_of(throttled[0])["code"] == "rate_limit_exceeded"
    assert throttled[0].headers["retry-after"] == "1"
    few = {"x-api-key": cloud.create_key("few", quota=2)}
    answers = [requests.get(address, headers=few, timeout=30) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert error_of(answers[-1])["code"] == "insufficient_quota"
    assert answers[-1].headers["x-should-retry"] == "false"


def test_a_text_is_gone_on_with(cloud: LoopCloud) -> None:
    text = {"model": MODEL, "prompt": "締切は", "max_tokens": 4}
    answer = send(cloud, "POST", "completions", text)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["object"], body["id"][:5]) == ("text_completion", "cmpl-")
    streamed = send(cloud, "POST", "completions", {**text, "stream": True}).content.decode()
    assert streamed.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"presence_penalty": 1}, "presence_penalty"),
    ],
)
def test_what_the_engine_can_not_do_is_refused_by_name(
    cloud: LoopCloud, members: dict[str, Any], param: str
) -> None:
    answer = send(cloud, "POST", "chat/completions", {**ASK, **members})
    error = error_of(answer)
    assert (answer.status_code, error["param"]) == (400, param)
    assert error["code"] == "unsupported_parameter"


def test_a_consumer_sees_its_own_usage(cloud: LoopCloud) -> None:
    def total() -> dict[str, int]:
        answer = send(cloud, "GET", "usage")
        assert answer.status_code == 200, answer.text
        found: dict[str, int] = answer.json()["total"]
        return found

    before, used = total(), send(cloud, "POST", "chat/completions", ASK).json()["usage"]
    after = total()
    assert after["requests"] == before["requests"] + 1
    assert after["completion_tokens"] == before["completion_tokens"] + used["completion_tokens"]
    assert error_of(send(cloud, "GET", "usage?month=soon"))["param"] == "month"


def test_a_page_that_is_named_may_read_and_others_may_not(cloud: LoopCloud) -> None:
    origins = {PAGE: PAGE, "https://elsewhere.example": None}
    for origin, allowed in origins.items():
        asked = {"origin": origin, "access-control-request-method": "POST"}
        preflight = requests.options(
            f"{cloud.outputs['ApiBase']}/chat/completions", headers=asked, timeout=30
        )
        assert preflight.status_code == 204, preflight.text
        assert preflight.headers.get("access-control-allow-origin") in (PAGE,)
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        for method, path in (("POST", "chat/completions"), ("GET", "models"), ("POST", "feedback")):
            answer = send(cloud, method, path, ASK if "chat" in path else {}, origin=origin)
            assert answer.headers.get("access-control-allow-origin") == allowed, path
    refused = requests.get(
        f"{cloud.outputs['ApiBase']}/models", headers={"origin": PAGE}, timeout=9
    )
    assert refused.status_code == 403
    assert refused.headers["access-control-allow-origin"] == PAGE


def test_a_record_tells_where_the_time_went(cloud: LoopCloud) -> None:
    reply = ChatApi(cloud.account).ask("締切は?", 4)

    def look() -> dict[str, Any] | None:
        records = cloud.items("Inference")
        return next((i for i in records if i["inference_id"]["S"] == reply.inference_id), None)

    # Who reads a stream doesn't wait for its record.
    record = cloud.wait(look, "the record")
    assert record["answer"]["S"] == reply.text
    names = ("policy_ms", "queue_ms", "first_token_ms", "rest_ms")
    assert sum(int(record[name]["N"]) for name in names) == int(record["latency_ms"]["N"]) > 0
