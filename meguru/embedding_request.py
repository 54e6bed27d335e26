"""The body of an embedding request: read strictly, refused by name.

After https://platform.openai.com/docs/api-reference/embeddings. `input_type` is Meguru's own: some
models read what is asked and what is found differently.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from meguru.json_request import missing, read_object, text_of, whole_number, wrong
from meguru.limits import most_bytes
from meguru.sampling_request import refuse_unknown

READ = ("model", "input", "encoding_format", "dimensions", "input_type")
# Accepted only where it asks for what happens anyway: one object, at once.
NEUTRAL = {"stream": False}
FORMATS = ("float", "base64")
MAX_TEXTS = 2048
MAX_DIMENSIONS = 65_536
# All that a token's id can be, in any vocabulary.
MAX_TOKEN_ID = 2**31 - 1
# Of a text, with what a model reads before and after it; many models take fewer.
MAX_TEXT_TOKENS = 8192
# A model puts no more around a text: what begins and ends it, and words that say what it is for.
MAX_TOKENS_AROUND = 64
# What a model may have words for; a model that has none makes no difference between them.
QUERY, PASSAGE = "query", "passage"
INPUT_TYPES = (QUERY, PASSAGE)
_WANTED = "a string, a list of strings, a list of token ids, or a list of such lists"

Text = str | list[int]


@dataclass(frozen=True, kw_only=True)
class EmbeddingRequest:
    """A request that has been checked; each of `input` is a text, or token ids of the model's own.

    `dimensions` None: as many as the model makes.
    """

    kind: ClassVar[str] = "embedding"
    id_prefix: ClassVar[str] = "embd-"
    # What only answers have that are written word by word.
    stream: ClassVar[bool] = False
    include_usage: ClassVar[bool] = False
    continuous_usage: ClassVar[bool] = False
    num_choices: ClassVar[int] = 1
    # An alias stands for one embedding model alone.
    asker: ClassVar[str] = ""

    input: list[Text]
    model: str | None = None
    encoding_format: str = "float"
    dimensions: int | None = None
    input_type: str | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As a record keeps it; token ids as their numbers."""
        return [
            {"role": "user", "content": one if isinstance(one, str) else " ".join(map(str, one))}
            for one in self.input
        ]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a request's body; ApiError (400) names the member that is wrong."""
        body = {name: value for name, value in read_object(content).items() if value is not None}
        refuse_unknown(body, READ, NEUTRAL, ())
        return cls(
            input=_read_input(body),
            model=text_of(body["model"], "model") if "model" in body else None,
            encoding_format=_one_of(body, "encoding_format", FORMATS) or "float",
            dimensions=_dimensions(body),
            input_type=_one_of(body, "input_type", INPUT_TYPES),
        )

    def most_tokens(self, default: int = 0) -> int:
        """The most that it can use; nothing is answered word by word, with a limit or without."""
        return sum(min(_most_tokens(one), MAX_TEXT_TOKENS) for one in self.input)

    def of_model(self, model: str) -> Self:
        """The same, asked of another model."""
        return replace(self, model=model)

    def with_texts(self, change: Callable[[str], str]) -> Self:
        """The same with each text that the model reads changed; token ids are none."""
        changed = [change(one) if isinstance(one, str) else one for one in self.input]
        return replace(self, input=changed)

    def body(self) -> dict[str, Any]:
        """The request in OpenAI's form: what a model server is asked."""
        members = {
            "model": self.model,
            "input": self.input,
            "encoding_format": self.encoding_format,
            "dimensions": self.dimensions,
            "input_type": self.input_type,
        }
        return {name: value for name, value in members.items() if value is not None}


def _most_tokens(text: Text) -> int:
    """A token is at least a character in some tokenizers' form of it, or a byte."""
    if not isinstance(text, str):
        return len(text) + MAX_TOKENS_AROUND
    # Decomposed, as tokenizers do that leave accents out: a bound needs no order of marks.
    longest = max(most_bytes(text), sum(len(unicodedata.normalize("NFKD", one)) for one in text))
    return longest + MAX_TOKENS_AROUND


def _read_input(body: dict[str, Any]) -> list[Text]:
    if "input" not in body:
        raise missing("input")
    value = body["input"]
    is_one = isinstance(value, str) or (isinstance(value, list) and value and _is_id(value[0]))
    texts = [value] if is_one else value
    if not isinstance(texts, list):
        raise wrong("input", _WANTED)
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise wrong("input", f"1 to {MAX_TEXTS} texts", "invalid_value")
    names = ["input"] if is_one else [f"input[{index}]" for index in range(len(texts))]
    return [_read_text(one, name) for one, name in zip(texts, names, strict=True)]


def _read_text(value: object, name: str) -> Text:
    if isinstance(value, list):
        if not all(_is_id(one) and 0 <= one <= MAX_TOKEN_ID for one in value):
            raise wrong(name, "token ids alone, whole numbers from 0")
        text: Text = value
    else:
        text = text_of(value, name, _WANTED)
    if not text:
        raise wrong(name, "a text that is not empty", "invalid_value")
    return text


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _one_of(body: dict[str, Any], name: str, values: tuple[str, ...]) -> str | None:
    value = body.get(name)
    if value is not None and value not in values:
        raise wrong(name, " or ".join(f"'{one}'" for one in values), "invalid_value")
    return value


def _dimensions(body: dict[str, Any]) -> int | None:
    value = whole_number(body, "dimensions")
    if value is not None and not 1 <= value <= MAX_DIMENSIONS:
        raise wrong("dimensions", f"an integer from 1 to {MAX_DIMENSIONS}", "invalid_value")
    return value
