"""A provider in Amazon Bedrock, by its Converse API: one shape for every model there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

from cli.compare.reply import NoReply, Part, Reply, Usage, gather, now
from meguru.limits import Message

NUM_ATTEMPTS = 6
# What no other question would change: no access, no such model, an expired session.
_FINAL = (
    "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException",
    "ResourceNotFoundException", "UnrecognizedClientException",
)  # fmt: skip


class Bedrock:
    """Asks `model` (an id, or an inference profile's) in `region`, or where boto3 is at home.

    `inference` is Converse's inferenceConfig.
    """

    def __init__(
        self,
        model: str,
        inference: Mapping[str, Any],
        *,
        region: str | None,
        endpoint_url: str | None,
        stream: bool,
        timeout_seconds: float,
    ) -> None:
        self._model, self._inference = model, dict(inference)
        self._stream, self._limit = stream, timeout_seconds
        retries: Any = {"total_max_attempts": NUM_ATTEMPTS, "mode": "standard"}
        try:
            self._client: Any = boto3.client(
                "bedrock-runtime",
                region_name=region,
                endpoint_url=endpoint_url,
                config=Config(retries=retries, read_timeout=timeout_seconds),
            )
        except (BotoCoreError, ValueError) as error:
            raise NoReply(str(error), is_final=True) from error

    def ask(self, messages: Sequence[Message]) -> Reply:
        try:
            return self._ask(_converse(messages))
        except (ClientError, EventStreamError) as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            said = str(error.response.get("Error", {}).get("Message", ""))[:200]
            raise NoReply(f"{code}: {said}", is_final=code in _FINAL) from error
        except BotoCoreError as error:
            raise NoReply(f"can't be asked ({type(error).__name__})") from error
        except (KeyError, TypeError) as error:
            raise NoReply("its response is no answer of Converse") from error

    def _ask(self, conversation: dict[str, Any]) -> Reply:
        request = {"modelId": self._model, "inferenceConfig": self._inference, **conversation}
        started = now()
        if self._stream:
            response = self._client.converse_stream(**request)
            return gather(_parts(response["stream"]), started, _retries(response), self._limit, now)
        response = self._client.converse(**request)
        seconds, usage = now() - started, response["usage"]
        blocks = response["output"]["message"]["content"]
        return Reply(
            "".join(block.get("text", "") for block in blocks),
            seconds,
            None,
            usage["inputTokens"],
            usage["outputTokens"],
            _retries(response),
        )


def _converse(messages: Sequence[Message]) -> dict[str, Any]:
    """The conversation in Converse's shape: system messages stand apart."""
    system = [{"text": one["content"]} for one in messages if one["role"] == "system"]
    turns = [
        {"role": one["role"], "content": [{"text": one["content"]}]}
        for one in messages
        if one["role"] != "system"
    ]
    return {"messages": turns, **({"system": system} if system else {})}


def _parts(events: Any) -> Iterator[Part]:
    for event in events:
        if "contentBlockDelta" in event:
            yield event["contentBlockDelta"]["delta"].get("text", "")
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
            yield Usage.of(usage["inputTokens"], usage["outputTokens"])


def _retries(response: Mapping[str, Any]) -> int:
    return int(response["ResponseMetadata"].get("RetryAttempts", 0))
