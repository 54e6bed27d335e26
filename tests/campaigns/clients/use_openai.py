"""OpenAI's own client for Python, of any version; run in its environment."""

from __future__ import annotations

from typing import Any, Literal

import openai
from pydantic import BaseModel

from tests.campaigns.clients.behaviours import (
    MESSAGES,
    NUM_RETRIES,
    PLACE,
    TOOLS,
    behaviour,
    check_call,
    check_same,
    check_schema,
    check_stopped,
    main,
    raises,
)

TEXT, TOOL_MODEL, VECTORS = PLACE["text"], PLACE["tools"], PLACE["vectors"]


class Verdict(BaseModel):
    answer: Literal["yes", "no"]
    sure: bool


def client(base: str, key: str = "key", retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=base, api_key=PLACE[key], max_retries=retries, timeout=60)


def ask(base: str, key: str = "key", retries: int = 0, **changes: Any) -> Any:
    request = {"model": TEXT, "messages": MESSAGES, "max_tokens": 8, "temperature": 0, **changes}
    return client(base, key, retries).chat.completions.create(**request)


@behaviour
def chat(base: str) -> None:
    completion = ask(base)
    [choice] = completion.choices
    assert completion.model == TEXT and choice.message.role == "assistant"
    assert choice.message.content and choice.finish_reason in ("stop", "length")
    assert completion.usage.total_tokens > completion.usage.completion_tokens > 0
    assert completion._request_id == completion.id


@behaviour
def stream_with_usage(base: str) -> None:
    whole = ask(base).choices[0].message.content
    chunks = list(ask(base, stream=True, stream_options={"include_usage": True}))
    said = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert said == whole, f"{said!r}, not {whole!r}"
    assert [one.usage is not None for one in chunks].count(True) == 1, "usage in no chunk"
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices


@behaviour
def stop(base: str) -> None:
    def stopped(word: str) -> tuple[str, str]:
        [choice] = ask(base, stop=word).choices
        return choice.message.content, choice.finish_reason

    check_stopped(ask(base).choices[0].message.content, stopped)


@behaviour
def tools(base: str) -> None:
    [choice] = ask(base, model=TOOL_MODEL, tools=TOOLS).choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    check_call(call.function.name, call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "晴れ"}
    messages = [*MESSAGES, choice.message.model_dump(exclude_none=True), result]
    answer = ask(base, model=TOOL_MODEL, tools=TOOLS, messages=messages)
    assert answer.choices[0].message.content and not answer.choices[0].message.tool_calls


@behaviour
def tools_streamed(base: str) -> None:
    tools: Any = TOOLS
    with client(base).chat.completions.stream(
        model=TOOL_MODEL, messages=MESSAGES, tools=tools
    ) as stream:
        [choice] = stream.get_final_completion().choices
    [call] = choice.message.tool_calls or []
    check_call(call.function.name, call.function.arguments)


@behaviour
def tools_refused_by_name(base: str) -> None:
    error = raises(openai.BadRequestError, lambda: ask(base, tools=TOOLS))
    assert (error.code, error.param) == ("unsupported_parameter", "tools"), error


@behaviour
def json_schema(base: str) -> None:
    completion = client(base).chat.completions.parse(
        model=TEXT, messages=MESSAGES, response_format=Verdict, max_tokens=60
    )
    verdict = completion.choices[0].message.parsed
    assert verdict is not None
    check_schema(verdict.model_dump())


@behaviour
def embeddings(base: str) -> None:
    # It asks for base64 by itself.
    vectors = client(base).embeddings
    asked = vectors.create(model=VECTORS, input=["経費", "旅費"])
    floats = vectors.create(model=VECTORS, input=["経費", "旅費"], encoding_format="float")
    for one, other in zip(asked.data, floats.data, strict=True):
        check_same(one.embedding, other.embedding)
    assert asked.usage.prompt_tokens == floats.usage.prompt_tokens > 0


@behaviour
def broken_stream(base: str) -> None:
    messages = [{"role": "user", "content": "break off"}]
    stream = ask(base, model=TOOL_MODEL, messages=messages, stream=True)
    raises(openai.APIError, lambda: list(stream))


@behaviour
def unknown_model(base: str) -> None:
    error = raises(openai.NotFoundError, lambda: ask(base, model="gpt-5"))
    assert (error.code, error.param) == ("model_not_found", "model"), error


@behaviour
def invalid_request(base: str) -> None:
    error = raises(openai.BadRequestError, lambda: ask(base, messages=[]))
    assert (error.code, error.param) == ("empty_array", "messages"), error
    assert error.request_id


@behaviour
def invalid_key(base: str) -> None:
    error = raises(openai.PermissionDeniedError, lambda: ask(base, "nobodys_key"))
    assert error.code == "invalid_api_key", error


@behaviour
def model_not_allowed(base: str) -> None:
    error = raises(openai.PermissionDeniedError, lambda: ask(base, "narrow_key"))
    assert error.code == "model_not_allowed", error


@behaviour
def quota_is_not_retried(base: str) -> None:
    error = raises(openai.RateLimitError, lambda: ask(base, "poor_key", 2))
    assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota"), error


@behaviour
def throttled_is_retried(base: str) -> None:
    for _ in range(3):
        assert ask(base, "slow_key", NUM_RETRIES).choices


@behaviour
def not_ready_is_retried(base: str) -> None:
    error = raises(
        openai.InternalServerError, lambda: ask(base, retries=1, model=PLACE["unreleased"])
    )
    assert (error.status_code, error.code) == (503, "model_not_ready"), error


if __name__ == "__main__":
    main()
