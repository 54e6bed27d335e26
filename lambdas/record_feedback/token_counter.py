"""How many tokens a conversation has, counted by the model that serves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from meguru.api_errors import NOT_SERVING, ApiError, NotServing, Warming
from meguru.endpoint_address import EndpointAddress
from meguru.limits import Message


class TokenCounter:
    """Asks endpoints that speak OpenAI's chat completions: usage says how long a prompt is."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._addresses: dict[str, EndpointAddress] = {}

    def count(self, endpoint_name: str, messages: Sequence[Message]) -> int | None:
        """The tokens of `messages`; None where they are more than the model takes.

        A chat ends with what a person says. Where it is an answer that ends `messages`, a short
        question is put after it, whose few tokens are counted too: never too few.
        """
        asked = [dict(message) for message in messages]
        if asked[-1]["role"] != "user":
            asked.append({"role": "user", "content": "?"})
        try:
            response = self._ask(endpoint_name, asked)
        except ClientError as error:
            if _is_too_long(error):
                return None
            raise _api_error(error) from error
        except HTTPClientError as error:
            raise NotServing from error
        completion = json.loads(response["Body"].read())
        return int(completion["usage"]["prompt_tokens"])

    def _ask(self, endpoint_name: str, asked: Sequence[Message]) -> Any:
        """What is answered, by an endpoint of either kind."""
        address = self._addresses.setdefault(endpoint_name, EndpointAddress(endpoint_name))
        return address.ask(
            lambda members: self._runtime.invoke_endpoint(
                **members,
                ContentType="application/json",
                Body=json.dumps({"messages": asked, "max_tokens": 1}, ensure_ascii=False).encode(),
            ),
            ClientError,
        )


def _is_too_long(error: ClientError) -> bool:
    """OpenAI's own code, or the words that servers use which have none (vLLM)."""
    said = str(error.response.get("OriginalMessage", ""))
    return error.response.get("OriginalStatusCode") == 400 and (
        "context_length_exceeded" in said or "maximum context length" in said
    )


def _api_error(error: ClientError) -> ApiError | ClientError:
    if Warming.WORDS in error.response["Error"].get("Message", ""):
        return Warming()
    if error.response["Error"]["Code"] in NOT_SERVING:
        return NotServing()
    if error.response["Error"]["Code"] != "ModelError":
        return error
    if error.response.get("OriginalStatusCode") in (429, 503):
        return NotServing()
    return ApiError(502, "The model could not count the answer's tokens.", code="model_error")
