"""The body of a chat completion request: read strictly, refused by name.

After https://platform.openai.com/docs/api-reference/chat. What is not known here is refused, not
ignored, so that nobody pays for an answer that isn't what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from meguru.chat_messages import read_messages
from meguru.json_request import flag, read_object, sendable, text_of, whole_number, wrong
from meguru.limits import most_tokens
from meguru.sampling_request import (
    SAMPLING,
    SamplingRequest,
    read_num_tokens,
    read_sampling,
    refuse_unknown,
)
from meguru.tools import MEMBERS as TOOL_MEMBERS
from meguru.tools import most_tool_tokens, read_tools

READ = (
    *SAMPLING,
    *TOOL_MEMBERS,
    "messages",
    "max_completion_tokens",
    "logprobs",
    "top_logprobs",
    "response_format",
)
# Accepted only where they ask for what happens anyway.
NEUTRAL: Mapping[str, Any] = {"store": False, "functions": [], "modalities": ["text"]}
# OpenAI's names that no model here knows what to do with.
UNSUPPORTED = (
    "audio",
    "function_call",
    "prediction",
    "reasoning_effort",
    "verbosity",
    "web_search_options",
)
MAX_TOP_LOGPROBS = 20


@dataclass(frozen=True, kw_only=True)
class ChatRequest(SamplingRequest):
    """A request that has been checked.

    `messages` have a role (system, user, assistant or tool; the last is of user or tool) and a
    content of text. `top_logprobs` None means: no logarithms of probabilities, 0: those of the
    answer's own tokens only.
    """

    id_prefix: ClassVar[str] = "chatcmpl-"

    messages: list[dict[str, Any]]
    top_logprobs: int | None = None
    response_format: dict[str, Any] | None = None

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer has to be of; None where it is free text."""
        if self.response_format is None:
            return None
        if self.response_format["type"] == "json_object":
            return {"type": "object"}
        schema: dict[str, Any] = self.response_format["json_schema"]["schema"]
        return schema

    @property
    def asker(self) -> str:
        """Whom the caller asks for; else the conversation, by how it began."""
        first = next((n for n, one in enumerate(self.messages) if one["role"] == "user"), 0)
        return self.end_user or json.dumps(self.messages[: first + 1])

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a request's body; ApiError (400) names the member that is wrong."""
        # OpenAI's clients send null for what a person left out.
        body = {name: value for name, value in read_object(content).items() if value is not None}
        refuse_unknown(body, READ, NEUTRAL, UNSUPPORTED)
        sampling = read_sampling(body)
        newer = read_num_tokens(body, "max_completion_tokens")
        if newer is not None:
            sampling["max_tokens"] = newer
        sampling["engine_options"] |= read_tools(body)
        return cls(
            messages=read_messages(body),
            top_logprobs=_top_logprobs(body),
            response_format=_response_format(body.get("response_format")),
            **sampling,
        )

    def most_tokens(self, default: int) -> int:
        """The most that it can use; `default` is of an answer where it sets no limit itself."""
        calls = [one["tool_calls"] for one in self.messages if "tool_calls" in one]
        prompt = most_tokens(self.messages) + len(json.dumps(calls, indent=4)) * bool(calls)
        prompt += most_tool_tokens(self.engine_options.get("tools", []))
        return prompt + self.most_answer_tokens(default)

    def with_texts(self, change: Callable[[str], str]) -> Self:
        """The same with each text that the model reads changed."""
        said = [one | {"content": change(one["content"])} for one in self.messages]
        return replace(self, messages=said)

    def body(self) -> dict[str, Any]:
        """The request in OpenAI's form: what a model server is asked."""
        body = {"messages": self.messages, **self.sampling_body()}
        if self.response_format is not None:
            body["response_format"] = self.response_format
        if self.top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return body


def _top_logprobs(body: dict[str, Any]) -> int | None:
    number_of_tokens = whole_number(body, "top_logprobs")
    if number_of_tokens is None:
        return 0 if flag(body, "logprobs") else None
    if not 0 <= number_of_tokens <= MAX_TOP_LOGPROBS:
        raise wrong("top_logprobs", f"an integer from 0 to {MAX_TOP_LOGPROBS}", "invalid_value")
    if not flag(body, "logprobs"):
        raise wrong("top_logprobs", "'logprobs' to be true as well", "invalid_value")
    return number_of_tokens


def _response_format(value: object) -> dict[str, Any] | None:
    """None where it is plain text."""
    if value is None or value == {"type": "text"}:
        return None
    if value == {"type": "json_object"}:
        return {"type": "json_object"}
    if not isinstance(value, dict) or value.get("type") != "json_schema":
        wanted = "an object of type 'text', 'json_object' or 'json_schema'"
        raise wrong("response_format", wanted, "invalid_value")
    given = value.get("json_schema")
    if not isinstance(given, dict) or not isinstance(given.get("schema"), dict):
        raise wrong("response_format.json_schema", "an object with 'name' and 'schema'")
    name = text_of(given.get("name"), "response_format.json_schema.name")
    schema = sendable(given["schema"], "response_format.json_schema.schema")
    members = {"name": name, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": members}
