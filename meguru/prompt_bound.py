"""The most tokens that a prompt and a template add to a request: what is reserved for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from meguru.limits import most_bytes, most_tokens
from meguru.prompt import Prompt

# A model version's metadata has what its chat template writes under this name.
TEMPLATE_TOKENS = "template_tokens"
_QUESTION, _ANSWER, _SYSTEM = (
    {"role": role, "content": "a"} for role in ("user", "assistant", "system")
)


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
    def of_template(cls, num_tokens: Callable[[Sequence[Mapping[str, str]]], int]) -> Self:
        """What a chat template writes by itself: a system text of its own, beyond what is reserved
        around each message anyway. `num_tokens` counts those that a model reads of a chat."""

        def beyond(*messages: Mapping[str, str]) -> int:
            try:
                return num_tokens(messages) - most_tokens(messages)
            except ValueError:
                return 0  # The template refuses such a chat, and so does whoever serves it.

        first = beyond(_QUESTION)
        each = beyond(_QUESTION, _ANSWER, _QUESTION) - first
        return cls(max(0, first, beyond(_SYSTEM, _QUESTION)), max(0, each))

    @classmethod
    def of_metadata(cls, text: str) -> Self:
        """As `metadata()` writes it; zeros for any other, as a version from before has none."""
        found = re.fullmatch(r"(\d{1,9}) (\d{1,9})", text, re.ASCII)
        return cls(*map(int, found.groups())) if found else cls()

    def metadata(self) -> str:
        return f"{self.conversation} {self.question}"

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """As `values()` has it, its numbers of whatever type."""
        return cls(int(values["conversation"]), int(values["question"]))

    def values(self) -> dict[str, int]:
        return asdict(self)

    def __add__(self, other: PromptBound) -> PromptBound:
        return PromptBound(self.conversation + other.conversation, self.question + other.question)

    def or_more(self, other: PromptBound) -> PromptBound:
        """What holds for both."""
        return PromptBound(
            max(self.conversation, other.conversation), max(self.question, other.question)
        )

    def most_tokens(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """The most that the prompt adds to a chat's `messages`."""
        num_questions = [one["role"] for one in messages].count("user")
        return self.conversation + num_questions * self.question
