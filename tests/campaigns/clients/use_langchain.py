"""langchain-openai's chat model and embeddings; run in its environment."""

from __future__ import annotations

from typing import Any, Literal

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.campaigns.clients.behaviours import (
    NUM_RETRIES,
    PLACE,
    QUESTION,
    TOOLS,
    behaviour,
    check_call,
    check_same,
    check_schema,
    check_stopped,
    main,
    raises,
)


class Verdict(BaseModel):
    """Whether it is so."""

    answer: Literal["yes", "no"]
    sure: bool


def model(base: str, key: str = "key", retries: int = 0, **changes: Any) -> ChatOpenAI:
    settings = {"model": PLACE["text"], "max_tokens": 8, "temperature": 0, **changes}
    return ChatOpenAI(
        base_url=base, api_key=PLACE[key], max_retries=retries, timeout=60, **settings
    )


@behaviour
def chat(base: str) -> None:
    message = model(base).invoke(QUESTION)
    assert message.content and message.usage_metadata["output_tokens"] > 0
    assert message.response_metadata["model_name"] == PLACE["text"]


@behaviour
def stream_with_usage(base: str) -> None:
    whole = model(base).invoke(QUESTION).content
    chunks = list(model(base, stream_usage=True).stream(QUESTION))
    assert "".join(str(one.content) for one in chunks) == whole
    assert [one.usage_metadata is not None for one in chunks].count(True) == 1, "no usage"


@behaviour
def stop(base: str) -> None:
    def stopped(word: str) -> tuple[str, str]:
        message = model(base).invoke(QUESTION, stop=[word])
        return str(message.content), message.response_metadata["finish_reason"]

    check_stopped(str(model(base).invoke(QUESTION).content), stopped)


@behaviour
def tools(base: str) -> None:
    able = model(base, model=PLACE["tools"]).bind_tools(TOOLS)
    message = able.invoke(QUESTION)
    [call] = message.tool_calls
    check_call(call["name"], call["args"])
    result = ToolMessage("晴れ", tool_call_id=call["id"])
    answer = able.invoke([HumanMessage(QUESTION), message, result])
    assert answer.content and not answer.tool_calls


@behaviour
def tools_streamed(base: str) -> None:
    first, *others = model(base, model=PLACE["tools"]).bind_tools(TOOLS).stream(QUESTION)
    whole: Any = first
    for one in others:
        whole += one
    [call] = whole.tool_calls
    check_call(call["name"], call["args"])


@behaviour
def tools_refused_by_name(base: str) -> None:
    error = raises(openai.BadRequestError, lambda: model(base).bind_tools(TOOLS).invoke(QUESTION))
    assert (error.code, error.param) == ("unsupported_parameter", "tools"), error


@behaviour
def json_schema(base: str) -> None:
    strict = model(base, max_tokens=60).with_structured_output(Verdict, method="json_schema")
    check_schema(strict.invoke(QUESTION).model_dump())


@behaviour
def embeddings(base: str) -> None:
    # Token ids of another tokenizer would be read as other words: texts are sent.
    settings: dict[str, Any] = {"model": PLACE["vectors"], "check_embedding_ctx_length": False}
    vectors = OpenAIEmbeddings(base_url=base, api_key=PLACE["key"], max_retries=0, **settings)
    asked, _ = vectors.embed_documents(["経費", "旅費"])
    check_same(asked, vectors.embed_query("経費"))


@behaviour
def broken_stream(base: str) -> None:
    stream = model(base, model=PLACE["tools"]).stream("break off")
    raises(openai.APIError, lambda: list(stream))


@behaviour
def unknown_model(base: str) -> None:
    error = raises(openai.NotFoundError, lambda: model(base, model="gpt-5").invoke(QUESTION))
    assert error.code == "model_not_found", error


@behaviour
def invalid_request(base: str) -> None:
    error = raises(openai.BadRequestError, lambda: model(base).invoke([]))
    assert (error.code, error.param) == ("empty_array", "messages"), error


@behaviour
def invalid_key(base: str) -> None:
    error = raises(
        openai.PermissionDeniedError, lambda: model(base, "nobodys_key").invoke(QUESTION)
    )
    assert error.code == "invalid_api_key", error


@behaviour
def model_not_allowed(base: str) -> None:
    error = raises(openai.PermissionDeniedError, lambda: model(base, "narrow_key").invoke(QUESTION))
    assert error.code == "model_not_allowed", error


@behaviour
def quota_is_not_retried(base: str) -> None:
    error = raises(openai.RateLimitError, lambda: model(base, "poor_key", 2).invoke(QUESTION))
    assert error.code == "insufficient_quota", error


@behaviour
def throttled_is_retried(base: str) -> None:
    for _ in range(3):
        assert model(base, "slow_key", NUM_RETRIES).invoke(QUESTION).content


@behaviour
def not_ready_is_retried(base: str) -> None:
    asked = model(base, retries=1, model=PLACE["unreleased"])
    error = raises(openai.InternalServerError, lambda: asked.invoke(QUESTION))
    assert error.code == "model_not_ready", error


if __name__ == "__main__":
    main()
