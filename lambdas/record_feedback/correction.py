"""Whether a correction can be learnt: one that no training could use is refused, not kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.record_feedback.settings import Model
from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError
from meguru.limits import MAX_QUESTION_CHARACTERS, Message, Shortenings, is_blank, most_tokens


class CorrectionCheck:
    """Holds corrections against the limits of curation and of the models' training."""

    def __init__(self, counter: TokenCounter, models: Mapping[str, Model]) -> None:
        self._counter, self._models = counter, models

    def refuse_unlearnable(
        self, model_name: str, context: Sequence[Message], question: str, answer: str
    ) -> None:
        """ApiError (400) for what can't be learnt, (503) where nobody can tell just now."""
        if is_blank(question) or len(question) > MAX_QUESTION_CHARACTERS:
            raise ApiError(
                400,
                f"The question of this answer has {len(question)} characters; corrections are "
                f"learnt of questions with at most {MAX_QUESTION_CHARACTERS}.",
                code="invalid_value",
                param="inference_id",
            )
        # What training is left with where a conversation is too long: no turns before the question.
        least = Shortenings(context)[-1]
        lesson = [
            *least,
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        model = self._learner(model_name)
        if most_tokens(lesson) > model.context_tokens:
            num_tokens = self._counter.count(model.endpoint_name, lesson)
            _refuse_too_long(num_tokens, model.context_tokens)

    def _learner(self, model_name: str) -> Model:
        """The model that gave the answer; where it is gone, the one that takes the most."""
        most = max(self._models.values(), key=lambda model: model.context_tokens)
        return self._models.get(model_name, most)


def _refuse_too_long(num_tokens: int | None, limit: int) -> None:
    if num_tokens is not None and num_tokens <= limit:
        return
    found = "more tokens than the serving model takes"
    if num_tokens is not None:
        found = f"{num_tokens} tokens; the model learns from at most {limit}"
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
