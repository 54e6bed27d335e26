"""litellm's functions, for an OpenAI-compatible provider; run in its environment."""

from __future__ import annotations

import os
from typing import Any, Literal

# Its table of prices comes with it: it needs no other.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
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

litellm.suppress_debug_info = True


class Verdict(BaseModel):
    answer: Literal["yes", "no"]
    sure: bool


def ask(
    base: str, key: str = "key", retries: int = 0, model: str = PLACE["text"], **changes: Any
) -> Any:
    return litellm.completion(
        model=f"openai/{model}",
        api_base=base,
        api_key=PLACE[key],
        max_retries=retries,
        **{"messages": MESSAGES, "max_tokens": 8, "temperature": 0, **changes},
    )


@behaviour
def chat(base: str) -> None:
    completion = ask(base)
    [choice] = completion.choices
    assert choice.message.content and choice.finish_reason in ("stop", "length")
    assert completion.usage.total_tokens > completion.usage.completion_tokens > 0


@behaviour
def stream_with_usage(base: str) -> None:
    whole = ask(base).choices[0].message.content
    chunks = list(ask(base, stream=True, stream_options={"include_usage": True}))
    said = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert said == whole, f"{said!r}, not {whole!r}"
    used = [one.usage for one in chunks if getattr(one, "usage", None)]
    assert len(used) == 1 and used[0].completion_tokens > 0


@behaviour
def stop(base: str) -> None:
    def stopped(word: str) -> tuple[str, str]:
        [choice] = ask(base, stop=[word]).choices
        return choice.message.content or "", choice.finish_reason

    check_stopped(ask(base).choices[0].message.content, stopped)


@behaviour
def tools(base: str) -> None:
    [choice] = ask(base, model=PLACE["tools"], tools=TOOLS).choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    check_call(call.function.name, call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "晴れ"}
    messages = [*MESSAGES, choice.message, result]
    answer = ask(base, model=PLACE["tools"], tools=TOOLS, messages=messages)
    assert answer.choices[0].message.content and not answer.choices[0].message.tool_calls


@behaviour
def tools_streamed(base: str) -> None:
    chunks = list(ask(base, model=PLACE["tools"], tools=TOOLS, stream=True))
    [choice] = litellm.stream_chunk_builder(chunks).choices
    [call] = choice.message.tool_calls
    check_call(call.function.name, call.function.arguments)


@behaviour
def tools_refused_by_name(base: str) -> None:
    error = raises(litellm.BadRequestError, lambda: ask(base, tools=TOOLS))
    assert "'tools'" in str(error), error


@behaviour
def json_schema(base: str) -> None:
    completion = ask(base, response_format=Verdict, max_tokens=60)
    check_schema(Verdict.model_validate_json(completion.choices[0].message.content).model_dump())


@behaviour
def embeddings(base: str) -> None:
    def vector(**encoding: str) -> list[float]:
        asked = litellm.embedding(
            model=f"openai/{PLACE['vectors']}",
            input=["経費", "旅費"],
            api_base=base,
            api_key=PLACE["key"],
            **encoding,
        )
        assert asked.usage.prompt_tokens > 0
        found: list[float] = asked.data[0]["embedding"]
        return found

    # By itself it leaves the format to OpenAI's client.
    check_same(vector(), vector(encoding_format="float"))


@behaviour
def broken_stream(base: str) -> None:
    messages = [{"role": "user", "content": "break off"}]
    stream = ask(base, model=PLACE["tools"], messages=messages, stream=True)
    raises(litellm.exceptions.MidStreamFallbackError, lambda: list(stream))


@behaviour
def unknown_model(base: str) -> None:
    raises(litellm.NotFoundError, lambda: ask(base, model="no-such-model"))


@behaviour
def invalid_request(base: str) -> None:
    error = raises(litellm.BadRequestError, lambda: ask(base, messages=[]))
    assert error.status_code == 400, error


@behaviour
def invalid_key(base: str) -> None:
    # It has no class for 403 of such a provider.
    error = raises(litellm.APIError, lambda: ask(base, "nobodys_key"))
    assert error.status_code == 403, error


@behaviour
def model_not_allowed(base: str) -> None:
    error = raises(litellm.APIError, lambda: ask(base, "narrow_key"))
    assert error.status_code == 403, error


@behaviour
def quota_is_not_retried(base: str) -> None:
    error = raises(litellm.RateLimitError, lambda: ask(base, "poor_key", 2))
    assert "quota" in str(error), error


@behaviour
def throttled_is_retried(base: str) -> None:
    for _ in range(3):
        assert ask(base, "slow_key", NUM_RETRIES).choices


@behaviour
def not_ready_is_retried(base: str) -> None:
    error = raises(
        litellm.ServiceUnavailableError, lambda: ask(base, retries=1, model=PLACE["unreleased"])
    )
    assert error.status_code == 503, error


if __name__ == "__main__":
    main()
