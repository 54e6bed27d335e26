"""The answers of custom resources, as they arrive at their response URLs."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any


class Responses:
    """Waits for the answer to each custom resource's event."""

    def __init__(self) -> None:
        self._arrived: dict[str, Mapping[str, Any] | None] = {}
        self._changed = threading.Condition()

    def expect(self) -> str:
        """The token of a new response URL."""
        token = secrets.token_urlsafe(24)
        with self._changed:
            self._arrived[token] = None
        return token

    def receive(self, token: str, body: bytes) -> None:
        """Take an answer in. ValueError where nothing waits for it, or it is none."""
        answer = json.loads(body)
        if not isinstance(answer, dict) or "Status" not in answer:
            raise ValueError("a custom resource's response is a JSON object with a Status")
        with self._changed:
            if token not in self._arrived:
                raise ValueError(f"no custom resource waits for the response {token}")
            # As with the presigned URL of AWS, the first answer counts.
            self._arrived[token] = self._arrived[token] or answer
            self._changed.notify_all()

    def wait(self, token: str, seconds: float) -> Mapping[str, Any] | None:
        """The answer, or None when none has come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrived[token] is not None, seconds)
            return self._arrived[token]

    def forget(self, token: str) -> None:
        with self._changed:
            self._arrived.pop(token, None)
