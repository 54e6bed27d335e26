"""Answers in OpenAI's shapes: of a chat or of a text, whole or in chunks, and as events."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DONE = b"data: [DONE]\n\n"


@dataclass
class Completion:
    """One answer's identity; its methods give the objects that are sent.

    What isn't a chat is `text_completion`, OpenAI's older form.
    """

    model: str
    system_fingerprint: str
    prompt_tokens: int
    is_chat: bool = True
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(
        self,
        text: str,
        finish_reason: str,
        completion_tokens: int,
        logprobs: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0,
            **({"message": message} if self.is_chat else {"text": text}),
            "finish_reason": finish_reason,
            "logprobs": _logprobs(logprobs),
        }
        head = self._head("chat.completion")
        return {**head, "choices": [choice], "usage": self.usage(completion_tokens)}

    def chunk(
        self,
        delta: Mapping[str, str],
        finish_reason: str | None = None,
        logprobs: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        choice = {
            "index": 0,
            **({"delta": dict(delta)} if self.is_chat else {"text": delta.get("content", "")}),
            "finish_reason": finish_reason,
            "logprobs": _logprobs(logprobs),
        }
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, completion_tokens: int) -> dict[str, Any]:
        """The last chunk where the caller asked for usage: no choices."""
        head = self._head("chat.completion.chunk")
        return {**head, "choices": [], "usage": self.usage(completion_tokens)}

    def usage(self, completion_tokens: int) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind if self.is_chat else "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
        }


def _logprobs(of_tokens: Sequence[Mapping[str, Any]] | None) -> dict[str, Any] | None:
    return None if of_tokens is None else {"content": list(of_tokens), "refusal": None}


def server_sent_event(data: Mapping[str, Any]) -> bytes:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
