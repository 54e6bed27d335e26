"""A chat request as it may be: what the gate of the API checks before a model sees it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from meguru.api_errors import ApiError, unknown_model

# Each answer is kept with its question, and an item of DynamoDB holds 400 KB.
MAX_BODY_BYTES = 256 * 1024
# The model server is asked for usage in any case: it never sees the caller's own options.
STREAM_OPTIONS = {"include_usage", "include_obfuscation"}
ROLES = ("system", "developer", "user", "assistant")


@dataclass(frozen=True)
class ChatRequest:
    """A body of `/v1/chat/completions` that has been checked."""

    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def include_usage(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Who said what, without the other members a message may have."""
        return [
            {"role": message["role"], "content": _said(message["content"])}
            for message in self.body["messages"]
        ]


def parse_chat_request(content: bytes, models: Collection[str]) -> ChatRequest:
    """Check the members this API answers for; what the model server owns is left to it.

    `models` are the names of what the API serves.
    """
    if len(content) > MAX_BODY_BYTES:
        raise ApiError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        body = json.loads(content.decode())
        # What can't be written again: numbers beyond a float, NaN.
        json.dumps(body, allow_nan=False)
    except UnicodeDecodeError as error:
        raise ApiError(400, "The request body is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body has to be a JSON object.")
    _check_unicode(body)
    _check_model(body.get("model"), models)
    _check_messages(body.get("messages"))
    _check_stream(body)
    return ChatRequest(body)


def _check_unicode(body: dict[str, Any]) -> None:
    """JSON can escape half of a surrogate pair, which no text can hold."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ApiError(400, "The request body is not valid Unicode text.") from error


def _check_model(model: object, models: Collection[str]) -> None:
    if not isinstance(model, str) or not model:
        raise ApiError(400, "'model' has to be the name of a model.", param="model")
    if model not in models:
        raise unknown_model(model, models)


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "'messages' has to be a non-empty array.", param="messages")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            raise ApiError(400, f"'{place}' has to be an object.", param=place)
        if message.get("role") not in ROLES:
            raise ApiError(
                400, f"'{place}.role' has to be one of {', '.join(ROLES)}.", param=f"{place}.role"
            )
        if not _is_text(message.get("content"), may_be_empty=message["role"] != "user"):
            raise ApiError(
                400,
                f"'{place}.content' has to be text or an array of text parts.",
                param=f"{place}.content",
            )


def _said(content: str | list[dict[str, str]]) -> str | list[dict[str, str]]:
    if isinstance(content, str):
        return content
    return [{"type": "text", "text": part["text"]} for part in content]


def _is_text(content: object, *, may_be_empty: bool) -> bool:
    """Answers and instructions may be empty, as a model's own answer may; a question may not."""
    if isinstance(content, str):
        return bool(content) or may_be_empty
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(part, dict)
            and part.get("type") == "text"
            and isinstance(part.get("text"), str)
            for part in content
        )
    )


def _check_stream(body: dict[str, Any]) -> None:
    if not isinstance(body.get("stream", False), bool | None):
        raise ApiError(400, "'stream' has to be true or false.", param="stream")
    options = body.get("stream_options")
    if options is None:
        return
    if not isinstance(options, dict) or set(options) - STREAM_OPTIONS:
        raise ApiError(
            400, "'stream_options' is an object with 'include_usage'.", param="stream_options"
        )
    if not isinstance(options.get("include_usage"), bool | None):
        place = "stream_options.include_usage"
        raise ApiError(400, f"'{place}' has to be true or false.", param=place)
    if not body.get("stream"):
        raise ApiError(400, "'stream_options' is only for 'stream': true.", param="stream_options")
