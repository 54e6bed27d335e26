"""The body of a chat completion request: read strictly, refused by name.

After https://platform.openai.com/docs/api-reference/chat. What is not known here is refused, not
ignored, so that nobody pays for an answer that isn't what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meguru.json_request import (
    flag,
    missing,
    number,
    read_object,
    refusal,
    text_of,
    whole_number,
    wrong,
)
from meguru.limits import most_tokens

ROLES = ("system", "developer", "user", "assistant")
READ = (
    "messages",
    "model",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "logprobs",
    "top_logprobs",
    "response_format",
)
# Accepted only where they ask for what happens anyway.
NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "store": False,
    "tools": [],
    "functions": [],
    "logit_bias": {},
    "modalities": ["text"],
}
# What says nothing of the answer: read for its type, and not passed on.
IGNORED = (
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
)
# OpenAI's names that no model here knows what to do with.
UNSUPPORTED = (
    "audio",
    "function_call",
    "parallel_tool_calls",
    "prediction",
    "reasoning_effort",
    "tool_choice",
    "verbosity",
    "web_search_options",
)
# `refusal` and `annotations` stand in OpenAI's own answers, which come back as earlier turns.
MESSAGE_MEMBERS = ("role", "content", "name", "refusal", "annotations")
MAX_STOPS = 4
MAX_TOP_LOGPROBS = 20
# The last is vLLM's: usage so far in every chunk.
STREAM_OPTIONS = ("include_usage", "include_obfuscation", "continuous_usage_stats")


@dataclass(frozen=True)
class ChatRequest:
    """A request that has been checked.

    `messages` have a role (system, user or assistant; the last is user) and a content of text.
    `temperature` and `top_p` None mean: as the model's own settings say. `top_logprobs` None means:
    no logarithms of probabilities, 0: those of the answer's own tokens only.
    """

    messages: list[dict[str, str]]
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
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

    @classmethod
    def parse(cls, content: bytes) -> ChatRequest:
        """Read a request's body; ApiError (400) names the member that is wrong."""
        # OpenAI's clients send null for what a person left out.
        body = {name: value for name, value in read_object(content).items() if value is not None}
        _refuse_unsupported(body)
        stream = flag(body, "stream")
        options = _stream_options(body, stream)
        return cls(
            messages=_messages(body),
            model=text_of(body["model"], "model") if "model" in body else None,
            max_tokens=_max_tokens(body),
            temperature=number(body, "temperature", 0.0, 2.0),
            top_p=number(body, "top_p", 0.0, 1.0),
            seed=_seed(body),
            stop=_stop(body.get("stop", [])),
            stream=stream,
            include_usage=flag(options, "include_usage", "stream_options."),
            continuous_usage=flag(options, "continuous_usage_stats", "stream_options."),
            top_logprobs=_top_logprobs(body),
            response_format=_response_format(body.get("response_format")),
        )

    def most_tokens(self, context_tokens: int) -> int:
        """The most tokens that the prompt and its answer can have, in a model with this context."""
        if self.max_tokens is None:
            return context_tokens
        return min(most_tokens(self.messages) + self.max_tokens, context_tokens)

    def body(self) -> dict[str, Any]:
        """The request in OpenAI's form: what a model server is asked."""
        members: dict[str, Any] = {
            "model": self.model,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": self.stop or None,
            "response_format": self.response_format,
        }
        if self.top_logprobs is not None:
            members |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        if self.stream:
            members["stream"] = True
            members["stream_options"] = {
                "include_usage": self.include_usage,
                "continuous_usage_stats": self.continuous_usage,
            }
        given = {name: value for name, value in members.items() if value is not None}
        return {"messages": self.messages, **given}


def _refuse_unsupported(body: dict[str, Any]) -> None:
    for name, value in body.items():
        if name in UNSUPPORTED or (name in NEUTRAL and not _same(value, NEUTRAL[name])):
            message = "Unsupported value or parameter: '{}' is not supported by this model."
            raise refusal(message, name, "unsupported_parameter")
        if name not in READ and name not in NEUTRAL and name not in IGNORED:
            message = "Unrecognized request argument supplied: {}"
            raise refusal(message, name, "unknown_parameter")
        if name == "metadata":
            _check_metadata(value)
        elif name in IGNORED:
            text_of(value, name)


def _same(value: object, neutral: object) -> bool:
    # True == 1 in Python, and 0 == 0.0 in JSON.
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


def _check_metadata(value: object) -> None:
    if not isinstance(value, dict):
        raise wrong("metadata", "an object")
    for name, text in value.items():
        text_of(name, "metadata")
        text_of(text, f"metadata.{name}")


def _max_tokens(body: dict[str, Any]) -> int | None:
    newer, older = (_num_tokens(body, one) for one in ("max_completion_tokens", "max_tokens"))
    return older if newer is None else newer


def _num_tokens(body: dict[str, Any], name: str) -> int | None:
    value = whole_number(body, name)
    if value is not None and value < 1:
        wanted = "an integer of at least 1; an answer ends where the model's context does"
        raise wrong(name, wanted, "invalid_value")
    return value


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
    members = {"name": name, "schema": given["schema"], "strict": True}
    return {"type": "json_schema", "json_schema": members}


def _seed(body: dict[str, Any]) -> int | None:
    value = whole_number(body, "seed")
    if value is not None and not -(2**63) <= value < 2**63:
        raise wrong("seed", f"an integer within {-(2**63)} to {2**63 - 1}", "invalid_value")
    return value


def _stop(value: object) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list):
        raise wrong("stop", "a string or a list of strings")
    texts = [text_of(one, "stop", "a string or a list of strings") for one in stops]
    if len(texts) > MAX_STOPS or "" in texts:
        raise wrong("stop", f"at most {MAX_STOPS} strings, none empty", "invalid_value")
    return texts


def _stream_options(body: dict[str, Any], stream: bool) -> dict[str, Any]:
    options = body.get("stream_options")
    if options is None:
        return {}
    if not isinstance(options, dict) or set(options) - set(STREAM_OPTIONS):
        raise wrong("stream_options", "an object with 'include_usage'")
    if not stream:
        raise wrong("stream_options", "'stream' to be true as well", "invalid_value")
    flag(options, "include_obfuscation", "stream_options.")
    return options


def _messages(body: dict[str, Any]) -> list[dict[str, str]]:
    if "messages" not in body:
        raise missing("messages")
    value = body["messages"]
    if not isinstance(value, list):
        raise wrong("messages", "an array of objects")
    if not value:
        raise wrong("messages", "at least one message", "empty_array")
    messages = [_message(one, f"messages[{index}]") for index, one in enumerate(value)]
    if messages[-1]["role"] != "user":
        place = f"messages[{len(messages) - 1}].role"
        raise wrong(place, "'user', as the last message is what is answered", "invalid_value")
    return messages


def _message(value: object, place: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong(place, "an object")
    given = {name: one for name, one in value.items() if one is not None}
    role = given.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise wrong(f"{place}.role", f"one of {', '.join(ROLES)}", "invalid_value")
    for name in given:
        if name not in MESSAGE_MEMBERS:
            raise refusal("Unsupported member '{}'.", f"{place}.{name}", "unsupported_parameter")
    # "developer" is OpenAI's newer word for "system".
    role = "system" if role == "developer" else role
    content = _content(given.get("content"), f"{place}.content")
    # An empty answer is one a model may have given: only a question has to ask something.
    if role == "user" and not content.strip():
        raise wrong(f"{place}.content", "text that is not empty", "invalid_value")
    return {"role": role, "content": content}


def _content(value: object, place: str) -> str:
    if isinstance(value, list):
        return "".join(_part(part, f"{place}[{index}]") for index, part in enumerate(value))
    return text_of(value, place, "a string or an array of text parts")


def _part(part: object, place: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise wrong(place, "an object of type 'text': this model reads text only")
    return text_of(part.get("text"), f"{place}.text")
