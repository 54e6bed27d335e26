"""What the API asks of any request: one for a chat, a text, or a vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self


class Request(Protocol):
    """A body that has been checked."""

    # Of the models that it can be asked of, as an environment file has them.
    kind: ClassVar[str]
    # Of the ids of its answers.
    id_prefix: ClassVar[str]

    @property
    def model(self) -> str | None: ...

    @property
    def stream(self) -> bool: ...

    @property
    def include_usage(self) -> bool:
        """Whether a stream tells at its end what it used."""

    @property
    def continuous_usage(self) -> bool:
        """Whether it tells so in each chunk."""

    @property
    def num_choices(self) -> int:
        """How many answers are asked for."""

    @property
    def asker(self) -> str:
        """Who asks, or in which conversation: an alias draws the same model for the same one."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As a record keeps it."""

    def most_tokens(self, default: int) -> int:
        """The most that it can use; `default` is of an answer where it sets no limit itself."""

    def of_model(self, model: str) -> Self:
        """The same, asked of another model."""

    def with_texts(self, change: Callable[[str], str]) -> Self:
        """The same with each text that the model reads changed."""

    def body(self) -> dict[str, Any]:
        """The request in OpenAI's form: what a model server is asked."""
