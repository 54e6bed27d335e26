"""The most tokens that a prompt adds to a request, in any model: what is reserved for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from meguru.limits import most_bytes, most_tokens
from meguru.prompt import Prompt


@dataclass(frozen=True)
class PromptBound:
    """Tokens before each conversation, and around each question in it; zeros: there is none."""

    conversation: int = 0
    question: int = 0

    @classmethod
    def of(cls, prompt: Prompt) -> Self:
        """A text is at most as long as its parts; joining two takes less than a message of its own,
        whose template is counted."""
        return cls(
            conversation=most_tokens(prompt.apply([])),
            question=sum(map(most_bytes, prompt.around_question)),
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """As `values()` has it, its numbers of whatever type."""
        return cls(int(values["conversation"]), int(values["question"]))

    def values(self) -> dict[str, int]:
        return asdict(self)

    def or_more(self, other: PromptBound) -> PromptBound:
        """What holds for both."""
        return PromptBound(
            max(self.conversation, other.conversation), max(self.question, other.question)
        )

    def most_tokens(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """The most that the prompt adds to a chat's `messages`."""
        num_questions = [one["role"] for one in messages].count("user")
        return self.conversation + num_questions * self.question
