"""The body of a text completion request, OpenAI's older form: a text that the model goes on with.

After https://platform.openai.com/docs/api-reference/completions. The text is read as it is: no chat
template is put around it and no prompt before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from meguru.json_request import flag, missing, read_object, text_of, whole_number, wrong
from meguru.limits import most_tokens
from meguru.sampling_request import SAMPLING, SamplingRequest, read_sampling, refuse_unknown

READ = (*SAMPLING, "prompt", "echo", "logprobs")
NEUTRAL: Mapping[str, Any] = {"best_of": 1, "suffix": ""}
MAX_LOGPROBS = 5
# OpenAI's own, where a request says nothing.
MAX_TOKENS = 16


@dataclass(frozen=True, kw_only=True)
class CompletionRequest(SamplingRequest):
    """A request that has been checked; `prompt` is not empty."""

    id_prefix: ClassVar[str] = "cmpl-"
    # What only chats have.
    schema: ClassVar[None] = None
    top_logprobs: ClassVar[None] = None

    prompt: str

    @property
    def asker(self) -> str:
        """Whom the caller asks for; else the text itself."""
        return self.end_user or self.prompt

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As a record keeps it."""
        return [{"role": "user", "content": self.prompt}]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a request's body; ApiError (400) names the member that is wrong."""
        body = {name: value for name, value in read_object(content).items() if value is not None}
        refuse_unknown(body, READ, NEUTRAL, ())
        sampling = read_sampling(body)
        if flag(body, "echo"):
            sampling["engine_options"]["echo"] = True
        if (logprobs := _logprobs(body)) is not None:
            sampling["engine_options"]["logprobs"] = logprobs
        sampling["max_tokens"] = sampling["max_tokens"] or MAX_TOKENS
        return cls(prompt=_prompt(body), **sampling)

    def most_tokens(self, default: int) -> int:
        """The most that it can use; `default` is of an answer where it sets no limit itself."""
        return most_tokens(self.messages) + self.most_answer_tokens(default)

    def with_texts(self, change: Callable[[str], str]) -> Self:
        """The same with each text that the model reads changed."""
        return replace(self, prompt=change(self.prompt))

    def body(self) -> dict[str, Any]:
        """The request in OpenAI's form: what a model server is asked."""
        return {"prompt": self.prompt, **self.sampling_body()}


def _prompt(body: dict[str, Any]) -> str:
    if "prompt" not in body:
        raise missing("prompt")
    value = body["prompt"]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    prompt = text_of(value, "prompt", "a string: one text to go on with, and not as token ids")
    if not prompt:
        raise wrong("prompt", "text that is not empty", "invalid_value")
    return prompt


def _logprobs(body: dict[str, Any]) -> int | None:
    value = whole_number(body, "logprobs")
    if value is not None and not 0 <= value <= MAX_LOGPROBS:
        raise wrong("logprobs", f"an integer from 0 to {MAX_LOGPROBS}", "invalid_value")
    return value
