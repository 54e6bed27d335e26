"""Whether a correction can be learnt: one that no training could use is refused, not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError
from meguru.limits import MAX_QUESTION_CHARACTERS, Message, is_blank, most_tokens, shortenings


class CorrectionCheck:
    """Holds corrections against the limits of curation and training.

    `context_tokens` is the context length that models are trained with.
    """

    def __init__(self, counter: TokenCounter, context_tokens: int) -> None:
        self._counter, self._context_tokens = counter, context_tokens

    def refuse_unlearnable(self, context: Sequence[Message], question: str, answer: str) -> None:
        """ApiError (400) for what can't be learnt, (503) where nobody can tell just now."""
        if is_blank(question) or len(question) > MAX_QUESTION_CHARACTERS:
            raise ApiError(
                400,
                f"The question of this answer has {len(question)} characters; corrections are "
                f"learnt of questions with at most {MAX_QUESTION_CHARACTERS}.",
                param="inference_id",
            )
        # What training is left with where a conversation is too long: no turns before the question.
        *_, least = shortenings(context)
        lesson = [
            *least,
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        if most_tokens(lesson) > self._context_tokens:
            self._refuse_too_long(self._counter.count(lesson))

    def _refuse_too_long(self, num_tokens: int | None) -> None:
        if num_tokens is None or num_tokens > self._context_tokens:
            found = "more tokens than the serving model takes"
            if num_tokens is not None:
                found = f"{num_tokens} tokens; a model learns from at most {self._context_tokens}"
            raise ApiError(
                400,
                f"'corrected_output' is too long to be learnt: with its question it has {found}.",
                code="context_length_exceeded",
                param="corrected_output",
            )


def split_conversation(messages: Sequence[dict[str, Any]]) -> tuple[list[dict[str, str]], str]:
    """The messages before the last thing the user said, and what that is; texts alone."""
    said = [{"role": _role(one["role"]), "content": _text(one["content"])} for one in messages]
    last = max((n for n, one in enumerate(said) if one["role"] == "user"), default=None)
    return ([], "") if last is None else (said[:last], said[last]["content"])


def _role(role: str) -> str:
    """`developer` is OpenAI's newer word for `system`."""
    return "system" if role == "developer" else role


def _text(content: Any) -> str:
    """A message's text, of its parts where it has several."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""
