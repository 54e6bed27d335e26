"""The body of a chat completion request: read strictly, refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from inference_containers.text.errors import RequestError

ROLES = ("system", "developer", "user", "assistant")
# Accepted only where they ask for what happens anyway.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "response_format": ({"type": "text"},),
    "store": (False,),
    "tools": ([],),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
}
# What says nothing of the answer, with the type it has.
IGNORED: dict[str, type] = {
    "user": str,
    "metadata": dict,
    "safety_identifier": str,
    "prompt_cache_key": str,
    "prompt_cache_retention": str,
    "service_tier": str,
}
UNSUPPORTED = (
    "audio",
    "function_call",
    "parallel_tool_calls",
    "prediction",
    "reasoning_effort",
    "tool_choice",
    "top_logprobs",
    "verbosity",
    "web_search_options",
)
MAX_STOPS = 4
# The last is vLLM's: usage so far in every chunk.
STREAM_OPTIONS = ("include_usage", "include_obfuscation", "continuous_usage_stats")


@dataclass(frozen=True)
class ChatRequest:
    """A validated request. `temperature` and `top_p` None mean: as the model's own settings say."""

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

    @classmethod
    def parse(cls, content: bytes) -> ChatRequest:
        """Read a request's body; RequestError (400) names the member that is wrong."""
        body = _read_object(content)
        # OpenAI's clients send null for what a person left out.
        body = {name: value for name, value in body.items() if value is not None}
        _refuse_unsupported(body)
        stream = _typed(body, "stream", bool, "a boolean") or False
        return cls(
            messages=_messages(body.get("messages")),
            model=_typed(body, "model", str, "a string"),
            max_tokens=_max_tokens(body),
            temperature=_number(body, "temperature", 0.0, 2.0),
            top_p=_number(body, "top_p", 0.0, 1.0),
            seed=_whole(body, "seed", -(2**63), 2**63 - 1),
            stop=_stop(body.get("stop")),
            stream=stream,
            include_usage=_stream_option(body, stream, "include_usage"),
            continuous_usage=_stream_option(body, stream, "continuous_usage_stats"),
        )


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RequestError(f"The body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.", code="invalid_type")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_unsupported(body: dict[str, Any]) -> None:
    known = {"messages", "model", "max_tokens", "max_completion_tokens", "temperature", "top_p"}
    known |= {"seed", "stop", "stream", "stream_options", *NEUTRAL, *IGNORED}
    for name, value in body.items():
        neutral = NEUTRAL.get(name)
        # True == 1 in Python: the types must agree too.
        if name in UNSUPPORTED or (
            neutral and not any(value == one and _kind(value) == _kind(one) for one in neutral)
        ):
            raise RequestError(
                f"Unsupported value or parameter: '{name}' is not supported by this model.",
                param=name,
                code="unsupported_parameter",
            )
        if name not in known:
            raise RequestError(
                f"Unrecognized request argument supplied: {name}",
                param=name,
                code="unknown_parameter",
            )
        if name in IGNORED and not isinstance(value, IGNORED[name]):
            raise _wrong(name, "an object" if IGNORED[name] is dict else "a string")


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


def _wrong(name: str, wanted: str, code: str = "invalid_type") -> RequestError:
    return RequestError(f"Invalid '{name}': expected {wanted}.", param=name, code=code)


def _typed(body: dict[str, Any], name: str, kind: type, wanted: str) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise _wrong(name, wanted)
    return value


def _whole(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, "an integer")
    if not low <= value <= high:
        raise _wrong(name, f"an integer within {low} to {high}", "invalid_value")
    return value


def _number(body: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(name, "a number")
    if not low <= value <= high or not math.isfinite(value):
        raise _wrong(name, f"a number within {low:g} to {high:g}", "invalid_value")
    return float(value)


def _max_tokens(body: dict[str, Any]) -> int | None:
    newer = _num_tokens(body, "max_completion_tokens")
    older = _num_tokens(body, "max_tokens")
    return newer if newer is not None else older


def _num_tokens(body: dict[str, Any], name: str) -> int | None:
    value: int | None = _typed(body, name, int, "an integer")
    if isinstance(value, bool):
        raise _wrong(name, "an integer")
    if value is not None and value < 1:
        wanted = "an integer of at least 1; an answer ends where the model's context does"
        raise _wrong(name, wanted, "invalid_value")
    return value


def _stop(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):
        raise _wrong("stop", "a string or a list of strings")
    if len(stops) > MAX_STOPS or "" in stops:
        raise _wrong("stop", f"at most {MAX_STOPS} strings, none empty", "invalid_value")
    return stops


def _stream_option(body: dict[str, Any], stream: bool, name: str) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict) or set(options) - set(STREAM_OPTIONS):
        raise _wrong("stream_options", "an object with 'include_usage'")
    if not stream:
        raise _wrong("stream_options", "'stream' to be true as well", "invalid_value")
    value = options.get(name)
    if not isinstance(value, bool | None):
        raise _wrong(f"stream_options.{name}", "a boolean")
    return bool(value)


def _messages(value: Any) -> list[dict[str, str]]:
    if value is None:
        raise RequestError(
            "Missing required parameter: 'messages'.",
            param="messages",
            code="missing_required_parameter",
        )
    if not isinstance(value, list):
        raise _wrong("messages", "an array of objects")
    if not value:
        raise _wrong("messages", "at least one message", "empty_array")
    messages = [_message(one, f"messages[{index}]") for index, one in enumerate(value)]
    if messages[-1]["role"] != "user":
        place = f"messages[{len(messages) - 1}].role"
        raise _wrong(place, "'user', as the last message is what is answered", "invalid_value")
    return messages


def _message(value: Any, place: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong(place, "an object")
    given = {name: one for name, one in value.items() if one is not None}
    role = given.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise _wrong(f"{place}.role", f"one of {', '.join(ROLES)}", "invalid_value")
    unknown = sorted(set(given) - {"role", "content", "name", "refusal", "annotations"})
    if unknown:
        raise RequestError(
            f"Unsupported member '{place}.{unknown[0]}'.",
            param=f"{place}.{unknown[0]}",
            code="unsupported_parameter",
        )
    # "developer" is OpenAI's newer word for "system".
    role = "system" if role == "developer" else role
    content = _content(given.get("content"), f"{place}.content")
    # An empty answer is one a model may have given: only a question has to ask something.
    if role == "user" and not content.strip():
        raise _wrong(f"{place}.content", "text that is not empty", "invalid_value")
    return {"role": role, "content": content}


def _content(value: Any, place: str) -> str:
    if isinstance(value, list):
        value = "".join(_text_part(part, f"{place}[{index}]") for index, part in enumerate(value))
    if not isinstance(value, str):
        raise _wrong(place, "a string or an array of text parts")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _wrong(place, "valid Unicode text", "invalid_value") from error
    return value


def _text_part(part: Any, place: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise _wrong(place, "an object of type 'text': this model reads text only")
    text = part.get("text")
    if not isinstance(text, str):
        raise _wrong(f"{place}.text", "a string")
    return text
