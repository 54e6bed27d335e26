"""OpenAI's own client, unmodified: it reads what is answered and raises its typed exceptions."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.e2e.loop_cloud import MODEL, LoopCloud

USER: Any = {"role": "user", "content": "締切は?"}


def ask(client: openai.OpenAI, **changes: Any) -> Any:
    request = {"model": MODEL, "messages": [USER], "max_tokens": 4, **changes}
    return client.chat.completions.create(**request)


def test_it_reads_a_completion(cloud: LoopCloud) -> None:
    completion = ask(cloud.openai_client())
    assert completion.model == MODEL
    assert completion.choices[0].finish_reason in ("stop", "length")
    assert completion.usage.completion_tokens <= 4
    assert completion._request_id == completion.id


def test_it_reads_a_stream_with_usage(cloud: LoopCloud) -> None:
    chunks = list(ask(cloud.openai_client(), stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.total_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")


def test_a_stream_and_a_completion_say_the_same(cloud: LoopCloud) -> None:
    client = cloud.openai_client()
    whole = ask(client, temperature=0, max_tokens=8).choices[0].message.content
    chunks = ask(client, temperature=0, max_tokens=8, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole


def test_it_reads_the_models(cloud: LoopCloud) -> None:
    client = cloud.openai_client()
    assert next(iter(client.models.list())).id == MODEL
    assert client.models.retrieve(MODEL).owned_by == "meguru"


@pytest.mark.parametrize(
    ("changes", "kind", "code", "param"),
    [
        ({"messages": []}, openai.BadRequestError, "empty_array", "messages"),
        ({"messages": "a"}, openai.BadRequestError, "invalid_type", "messages"),
        ({"model": "gpt-5"}, openai.NotFoundError, "model_not_found", "model"),
        ({"max_tokens": "x"}, openai.BadRequestError, "invalid_type", "max_tokens"),
        (
            {"extra_body": {"pad": "x" * 2_000_000}},
            openai.APIStatusError,
            "request_too_large",
            None,
        ),
    ],
    ids=["empty", "no-list", "unknown-model", "wrong-type", "too-large"],
)
def test_it_raises_its_own_exceptions(
    cloud: LoopCloud,
    changes: dict[str, Any],
    kind: type[openai.APIStatusError],
    code: str,
    param: str,
) -> None:
    with pytest.raises(kind) as refused:
        ask(cloud.openai_client(), **changes)
    assert 400 <= refused.value.status_code < 500
    assert (refused.value.code, refused.value.param) == (code, param)
    assert isinstance(refused.value.body, dict)
    assert refused.value.request_id


def test_a_wrong_key_is_permission_denied(cloud: LoopCloud) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(cloud.openai_client("nonsense"))
    assert refused.value.code == "invalid_api_key"


def test_a_key_s_rate_is_a_rate_limit_error(cloud: LoopCloud) -> None:
    client = cloud.openai_client(cloud.create_key("openai-slow", rate=0.01, burst=1))
    client.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        client.models.list()
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "1"


def test_it_retries_by_itself_what_was_throttled(cloud: LoopCloud) -> None:
    client = cloud.openai_client(cloud.create_key("patient", rate=1, burst=1), max_retries=3)
    for _ in range(2):
        assert client.models.list().data


def test_it_does_not_retry_a_used_up_quota(cloud: LoopCloud) -> None:
    client = cloud.openai_client(cloud.create_key("used-up", quota=1), max_retries=5)
    client.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        client.models.list()
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"
