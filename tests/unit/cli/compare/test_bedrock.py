"""A provider in Bedrock, by boto3 against a local endpoint."""

from __future__ import annotations

import json

import pytest

from cli.compare.bedrock import Bedrock
from cli.compare.reply import NoReply
from tests.unit.cli.compare.endpoints import BedrockHandler, Endpoint, serve

ASKED = [
    {"role": "system", "content": "短く答えて。"},
    {"role": "user", "content": "こんにちは"},
    {"role": "assistant", "content": "はい"},
    {"role": "user", "content": "締切は?"},
]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")


def bedrock(endpoint: Endpoint, *, stream: bool = True) -> Bedrock:
    return Bedrock(
        "amazon.nova-lite-v1:0", {"temperature": 0, "maxTokens": 5},
        region="ap-northeast-1", endpoint_url=endpoint.url, stream=stream, timeout_seconds=5,
    )  # fmt: skip


@pytest.mark.parametrize(("stream", "path"), [(True, "/converse-stream"), (False, "/converse")])
def test_an_answer_with_its_tokens(stream: bool, path: str) -> None:
    with serve(BedrockHandler, answers={"締切は?": "10日です。"}) as endpoint:
        reply = bedrock(endpoint, stream=stream).ask(ASKED)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("10日です。", 10, 6)
    assert (reply.first_seconds is not None) is stream
    [(asked, _, body)] = endpoint.requests
    assert asked == f"/model/amazon.nova-lite-v1%3A0{path}"
    assert body["system"] == [{"text": "短く答えて。"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["inferenceConfig"] == {"temperature": 0, "maxTokens": 5}


def test_the_first_text_comes_before_the_end() -> None:
    with serve(BedrockHandler, seconds=0.1) as endpoint:
        reply = bedrock(endpoint).ask(ASKED)
    assert reply.first_seconds is not None
    assert 0.1 <= reply.first_seconds < reply.seconds - 0.08


def refusal(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"x-amzn-ErrorType": code}, json.dumps({"message": "no"}).encode()


def test_throttling_is_tried_again() -> None:
    with serve(BedrockHandler, refusals=[refusal(429, "ThrottlingException")]) as endpoint:
        assert bedrock(endpoint).ask(ASKED).num_retries == 1


@pytest.mark.parametrize(
    ("status", "code", "is_final"),
    [(403, "AccessDeniedException", True), (404, "ResourceNotFoundException", True),
     (400, "ValidationException", False)],
)  # fmt: skip
def test_a_refusal_is_named(status: int, code: str, is_final: bool) -> None:
    with (
        serve(BedrockHandler, refusals=[refusal(status, code)]) as endpoint,
        pytest.raises(NoReply, match=f"{code}: no") as raised,
    ):
        bedrock(endpoint).ask(ASKED)
    assert raised.value.is_final is is_final


def test_throttling_in_the_middle_of_an_answer_is_named() -> None:
    with serve(BedrockHandler, breaks_off=True) as endpoint:
        endpoint.behaviour.breaks_off = True
        with pytest.raises(NoReply, match="hrottling"):
            bedrock(endpoint).ask(ASKED)


def test_one_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.compare.bedrock.NUM_ATTEMPTS", 1)
    with serve(BedrockHandler) as endpoint:
        gone = bedrock(endpoint)
    endpoint.server_close()
    with pytest.raises(NoReply, match="can't be asked"):
        gone.ask(ASKED)


def test_without_a_region_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(NoReply, match="region") as raised:
        Bedrock("m", {}, region=None, endpoint_url=None, stream=True, timeout_seconds=1)
    assert raised.value.is_final
