"""The API as its consumers use it: an unmodified OpenAI client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai
import requests

from cli.account import Account

BURST_WORKERS = 16


@dataclass(frozen=True)
class Reply:
    """An answer; `is_cached` says that it was made before."""

    inference_id: str
    text: str
    is_cached: bool = False


class ChatApi:
    """An environment's inference API, with a consumer's key."""

    def __init__(self, account: Account) -> None:
        self.base_url = account.outputs["ApiBase"]
        self.model = account.outputs["ModelName"]
        self._key = account.api_key
        self._client = openai.OpenAI(base_url=self.base_url, api_key=self._key, max_retries=5)

    def ask(self, question: str, max_tokens: int | None = None) -> Reply:
        # As a stream: the record then tells the wait for the first token from the rest.
        with self._client.chat.completions.create(
            model=self.model,
            messages=[{"role": "user", "content": question}],
            temperature=0,
            max_tokens=openai.omit if max_tokens is None else max_tokens,
            stream=True,
        ) as stream:
            chunks = list(stream)
        texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        is_cached = stream.response.headers.get("x-cache") == "hit"
        return Reply(chunks[0].id, "".join(texts), is_cached)

    def refusal_without_key(self) -> dict[str, Any]:
        """What a request without a key is answered: its status and error object."""
        answer = requests.get(f"{self.base_url}/models", timeout=30)
        return {"status": answer.status_code, **answer.json()["error"]}

    def refusal_beyond_rate(self, num_requests: int) -> dict[str, Any] | None:
        """What the first of many requests at once that was throttled is answered."""
        headers = {"authorization": f"Bearer {self._key}"}

        def ask(_: int) -> requests.Response:
            return requests.get(f"{self.base_url}/models", headers=headers, timeout=30)

        with ThreadPoolExecutor(BURST_WORKERS) as pool:
            answers = list(pool.map(ask, range(num_requests)))
        throttled = [answer for answer in answers if answer.status_code == 429]
        if not throttled:
            return None
        return {"status": 429, "refused": len(throttled), **throttled[0].json()["error"]}

    def send_correction(self, reply: Reply, corrected_output: str) -> str:
        """Report a wrong answer with the right one; the feedback's id."""
        answer = self._client.post(
            "/feedback",
            cast_to=object,
            body={
                "inference_id": reply.inference_id,
                "rating": -1,
                "reasons": ["incorrect"],
                "corrected_output": corrected_output,
            },
        )
        assert isinstance(answer, dict)
        feedback_id: str = answer["id"]
        return feedback_id
