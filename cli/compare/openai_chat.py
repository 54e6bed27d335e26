"""A provider behind OpenAI's chat completions, by OpenAI's own client.

It tries again what was refused for the moment, as long after as the provider asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2
import openai

from cli.compare.reply import NoReply, Part, Reply, Usage, gather, now
from meguru.limits import Message

NUM_RETRIES = 5
# Where there is none to give, the client wants one all the same.
_NO_KEY = "none"
# What is measured is the model, and no cache before it (RFC 9111, section 5.2.1.5).
_NO_STORE = {"cache-control": "no-store"}


class OpenAIChat:
    """Asks `model` at `address`; `parameters` go into each request."""

    def __init__(
        self,
        address: str,
        model: str,
        api_key: str,
        parameters: Mapping[str, Any],
        *,
        stream: bool,
        timeout_seconds: float,
    ) -> None:
        try:
            self._client = openai.OpenAI(
                base_url=address,
                api_key=api_key or _NO_KEY,
                max_retries=NUM_RETRIES,
                timeout=timeout_seconds,
                default_headers=_NO_STORE,
            )
        except httpx2.InvalidURL as error:
            raise NoReply(f"{address} is no address: {error}", is_final=True) from error
        self._request = {"model": model, **parameters}
        self._stream, self._limit = stream, timeout_seconds

    def ask(self, messages: Sequence[Message]) -> Reply:
        try:
            return self._ask([dict(message) for message in messages])
        except openai.APIStatusError as error:
            # Of a wrong key some providers show a part: the status says enough.
            is_final = error.status_code in (401, 403, 404)
            said = f"status {error.status_code}"
            raise NoReply(
                said if is_final else f"{said}: {_message(error)}", is_final=is_final
            ) from error
        except openai.APITimeoutError as error:
            raise NoReply("no answer in time") from error
        except openai.APIConnectionError as error:
            raise NoReply(f"can't be reached ({type(error.__cause__).__name__})") from error
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise NoReply(f"broke off ({type(error).__name__})") from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            # The client doesn't check what it is answered.
            raise NoReply("its response is no chat completion") from error

    def _ask(self, messages: list[dict[str, str]]) -> Reply:
        create: Any = self._client.chat.completions.with_raw_response.create
        request = {**self._request, "messages": messages}
        started = now()
        if self._stream:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            raw = create(**request, **options)
            reply = gather(_parts(raw.parse()), started, raw.retries_taken, self._limit, now)
            if reply.first_seconds is None and reply.output_tokens is None:
                raise NoReply("its response is no stream of a chat completion")
            return reply
        raw = create(**request)
        completion = raw.parse()
        seconds, said = now() - started, completion.choices[0].message.content or ""
        if not isinstance(said, str):
            raise NoReply("its response is no chat completion")
        usage = _usage(completion.usage)
        return Reply(
            said, seconds, None, usage.input_tokens, usage.output_tokens, raw.retries_taken
        )


def _parts(chunks: Any) -> Iterator[Part]:
    for chunk in chunks:
        if chunk.choices:
            yield chunk.choices[0].delta.content or ""
        if chunk.usage:
            yield _usage(chunk.usage)


def _usage(counted: Any) -> Usage:
    return Usage.of(
        getattr(counted, "prompt_tokens", None), getattr(counted, "completion_tokens", None)
    )


def _message(error: openai.APIStatusError) -> str:
    return str(getattr(error, "message", error)).replace("\n", " ")[:200]
