"""A smoke test: a handful of requests that any version has to answer as callers would read it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from meguru.answer_flaw import flaw_of
from meguru.model_version import Answering

# Enough for a loop to show itself.
ANSWER_TOKENS = 160
MAX_SAID = 300
# SageMaker's own trouble, which passes.
PASSING = ("ServiceUnavailable", "InternalFailure", "ThrottlingException")
NUM_TRIES, PAUSE_SECONDS = 4, 2.0


class NoAnswerError(ValueError):
    """What came is no answer, with the reason."""


@dataclass(frozen=True)
class SmokeTest:
    """Questions to the version on one endpoint. `maximum_seconds` is for every answer after the
    first, which may be the one that warms it up."""

    runtime: Any
    endpoint_name: str
    kind: str
    model: str
    questions: Sequence[str]
    maximum_seconds: float
    component: str = ""

    def on(self, endpoint_name: str, component: str) -> SmokeTest:
        """The same on another endpoint, or on an inference component there."""
        return replace(self, endpoint_name=endpoint_name, component=component)

    def failure(self, model_version: str) -> str:
        """Why the version must not serve, in one line; empty where it may."""
        try:
            if self.kind == "text":
                self._try_texts(model_version)
            else:
                self._try_vectors(model_version)
        except NoAnswerError as error:
            return " ".join(str(error).split())[:MAX_SAID]
        return ""

    def ask_once(self) -> None:
        """Have one request answered; botocore's errors where it isn't."""
        text = "Hello."
        is_text = self.kind == "text"
        self._invoke(self._text_body(text) | {"max_tokens": 1} if is_text else _vector_body(text))

    def _try_texts(self, model_version: str) -> None:
        texts = self._timed(lambda question: self._text(question, model_version))
        if texts:
            self._try_stream(self.questions[0])
        flaws = [flaw_of(text) for text in texts]
        if flaws and all(flaws):
            raise NoAnswerError(f"all of {len(flaws)} answers are flawed ({', '.join(flaws)})")

    def _try_vectors(self, model_version: str) -> None:
        vectors = self._timed(lambda question: self._vector(question, model_version))
        if len({len(vector) for vector in vectors}) > 1:
            raise NoAnswerError("vectors of different texts have different lengths")
        if len(vectors) > 1 and all(vector == vectors[0] for vector in vectors):
            raise NoAnswerError("different texts have the same vector")

    def _timed(self, ask: Any) -> list[Any]:
        answers, seconds = [], []
        for question in self.questions:
            began = time.monotonic()
            answers.append(ask(question))
            seconds.append(time.monotonic() - began)
        if seconds[1:] and min(seconds[1:]) > self.maximum_seconds:
            raise NoAnswerError(
                f"every answer took longer than {self.maximum_seconds:g} s: the fastest "
                f"{min(seconds[1:]):.1f} s"
            )
        return answers

    def _text(self, question: str, model_version: str) -> str:
        completion = self._answered(self._text_body(question), model_version)
        try:
            return str(completion["choices"][0]["message"].get("content") or "")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise NoAnswerError(f"to '{question}' came no completion: {_short(completion)}") from (
                error
            )

    def _try_stream(self, question: str) -> None:
        request = self._request({**self._text_body(question), "stream": True})
        try:
            parts = self.runtime.invoke_endpoint_with_response_stream(**request)["Body"]
            content = b"".join(part["PayloadPart"]["Bytes"] for part in parts)
        except (BotoCoreError, ClientError, KeyError) as error:
            raise NoAnswerError(f"the stream of '{question}' broke off: {error}") from error
        events = [one.removeprefix(b"data:").strip() for one in content.split(b"\n\n")]
        if events[-2:] != [b"[DONE]", b""] and events[-1:] != [b"[DONE]"]:
            raise NoAnswerError(f"the stream of '{question}' has no end: {_short(content[-80:])}")

    def _vector(self, question: str, model_version: str) -> list[float]:
        answer = self._answered(_vector_body(question), model_version)
        try:
            vector = [float(number) for number in answer["data"][0]["embedding"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise NoAnswerError(f"to '{question}' came no vector: {_short(answer)}") from error
        if not any(vector) or not all(map(math.isfinite, vector)):
            raise NoAnswerError(f"the vector of '{question}' is not of numbers, or of zeros alone")
        return vector

    def _answered(self, body: dict[str, Any], model_version: str) -> Any:
        try:
            response = self._invoke(body)
            content = response["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise NoAnswerError(f"a request was not answered: {error}") from error
        answered_by = Answering.read(response.get("CustomAttributes") or "").model_version
        # Not every engine says which it is.
        if answered_by not in ("", model_version):
            raise NoAnswerError(f"another version answered: {answered_by}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise NoAnswerError(f"an answer is no JSON: {_short(content)}") from error

    def _invoke(self, body: dict[str, Any]) -> Any:
        for number in range(NUM_TRIES):
            try:
                return self.runtime.invoke_endpoint(**self._request(body))
            except ClientError as error:
                is_last = number + 1 == NUM_TRIES
                if is_last or error.response["Error"]["Code"] not in PASSING:
                    raise
            time.sleep(PAUSE_SECONDS)
        raise AssertionError("the last try ends with an answer or an error")

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        request = {
            "EndpointName": self.endpoint_name,
            "ContentType": "application/json",
            "Body": json.dumps(body, ensure_ascii=False).encode(),
        }
        return request | ({"InferenceComponentName": self.component} if self.component else {})

    def _text_body(self, question: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": question}]
        return {"model": self.model, "messages": messages, "max_tokens": ANSWER_TOKENS}


def _vector_body(text: str) -> dict[str, Any]:
    return {"input": [text], "encoding_format": "float"}


def _short(value: Any) -> str:
    return f"{value!r}"[:120]
