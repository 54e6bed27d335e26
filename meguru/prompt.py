"""A prompt: what a company says to its model before anybody asks, as a version of its own.

It is applied where a conversation becomes tokens (meguru.chat), so that serving and evaluation
read the same. Its texts are contents like any other: no text in it sets a control token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Self

from meguru.fingerprint import canonical_json, fingerprint
from meguru.prompt_checks import PLACEHOLDER, problem_of_template, problem_of_text

FORMAT = 1
FILE = "prompt.json"
# Written last: it says that the rest is there.
MANIFEST = "manifest.json"
VERSION_DIGITS = 16
# Where SageMaker puts the channel `prompt` of a model's additional data sources, beside the model.
PROMPT_SOURCE = Path("additional-model-data-sources", "prompt")
MAX_EXAMPLES = 50
MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Example:
    """A question with the answer that is wanted to it."""

    question: str
    answer: str


@dataclass(frozen=True)
class Prompt:
    """One version; ValueError says what is wrong in it.

    `system` comes before what a caller says as the system, `examples` before the conversation, and
    each question, theirs too, stands in `question_template` in the place of {question}.
    """

    system: str = ""
    examples: tuple[Example, ...] = ()
    question_template: str = PLACEHOLDER

    def __post_init__(self) -> None:
        for name, text in self.texts.items():
            if said := problem_of_text(text):
                raise ValueError(f"{name}: {said}")
        if said := problem_of_template(self.question_template):
            raise ValueError(f"question_template: {said}")
        if len(self.examples) > MAX_EXAMPLES:
            raise ValueError(
                f"examples: at most {MAX_EXAMPLES} of them (there are {len(self.examples)})"
            )
        for index, one in enumerate(self.examples):
            for name, text in (("question", one.question), ("answer", one.answer)):
                if not text.strip():
                    raise ValueError(f"examples.{index}.{name}: is empty")
        num_characters = sum(map(len, self.texts.values()))
        if num_characters > MAX_CHARACTERS:
            raise ValueError(
                f"the prompt has {num_characters:,} characters, and at most {MAX_CHARACTERS:,} "
                "are taken: every answer pays for each of them"
            )
        if not self.system and not self.examples and self.question_template == PLACEHOLDER:
            raise ValueError(
                "the prompt says nothing: give it a system, examples or a question_template"
            )

    @classmethod
    def parse(cls, content: bytes | str) -> Self:
        """Read a prompt.json; ValueError says what is wrong in it."""
        try:
            values = json.loads(content)
        except ValueError as error:
            raise ValueError(f"{FILE} is not JSON: {error}") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"{FILE} is not of format {FORMAT}")
        try:
            return cls(
                _text(values["system"]),
                tuple(Example(*map(_text, _example(one))) for one in values["examples"]),
                _text(values["question_template"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{FILE} can't be read: {error!r}") from error

    @classmethod
    def read(cls, folder: Path, expected: str = "") -> Self | None:
        """The prompt in `folder`, None where there is no such folder or nothing in it.

        ValueError where it isn't the version that its manifest names, or not the `expected` one.
        """
        if not folder.is_dir() or not any(folder.iterdir()):
            if expected:
                raise ValueError(f"the prompt {expected} isn't there: {folder} has nothing")
            return None
        path = folder / FILE
        if not path.is_file():
            raise ValueError(f"no prompt at {folder}: it has no {FILE}")
        prompt = cls.parse(path.read_bytes())
        try:
            named = json.loads((folder / MANIFEST).read_bytes())["version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"the prompt at {folder} isn't whole: no {MANIFEST} names its version; add it "
                "again with `meguru prompt add`"
            ) from error
        if named != prompt.version:
            raise ValueError(
                f"the prompt at {folder} was changed: its content is the version "
                f"{prompt.version}, and its {MANIFEST} says {named}"
            )
        if expected not in ("", prompt.version):
            raise ValueError(
                f"the prompt at {folder} is the version {prompt.version}, and {expected} is "
                "asked for"
            )
        return prompt

    @property
    def texts(self) -> dict[str, str]:
        """Every text of it, by its place in the file."""
        told = {"system": self.system, "question_template": self.question_template}
        for index, one in enumerate(self.examples):
            told[f"examples.{index}.question"] = one.question
            told[f"examples.{index}.answer"] = one.answer
        return told

    def values(self) -> dict[str, Any]:
        """As prompt.json has it."""
        return {
            "format": FORMAT,
            "system": self.system,
            "examples": [{"question": one.question, "answer": one.answer} for one in self.examples],
            "question_template": self.question_template,
        }

    def to_json(self) -> bytes:
        """The prompt as it lies in the lake: the same bytes for the same prompt."""
        return canonical_json(self.values())

    def manifest(self) -> bytes:
        return canonical_json({"format": FORMAT, "version": self.version})

    @cached_property
    def version(self) -> str:
        """The name of what it says: 16 hexadecimal digits."""
        return fingerprint(self.values())[:VERSION_DIGITS]

    @cached_property
    def around_question(self) -> tuple[str, str]:
        """What stands before each question, and after it."""
        before, after, is_after = "", "", False
        for text, field, _, _ in Formatter().parse(self.question_template):
            before, after = (before, after + text) if is_after else (before + text, after)
            is_after = is_after or field is not None
        return before, after

    @property
    def turns(self) -> list[dict[str, str]]:
        """The examples as turns of a conversation, their questions as they were written."""
        return [
            turn
            for one in self.examples
            for turn in (
                {"role": "user", "content": one.question},
                {"role": "assistant", "content": one.answer},
            )
        ]

    def apply(self, messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """The conversation that a model reads in the place of `messages`.

        The company's own system text comes first, and a caller's after it, in one message: a
        caller adds to what the company says, and takes nothing of it away.
        """
        said = [dict(message) for message in messages]
        own = said.pop(0)["content"] if said and said[0]["role"] == "system" else ""
        system = "\n\n".join(text for text in (self.system, own) if text)
        first = [{"role": "system", "content": system}] if system else []
        return first + [self._asked(message) for message in (*self.turns, *said)]

    def _asked(self, message: dict[str, str]) -> dict[str, str]:
        if message["role"] != "user":
            return message
        before, after = self.around_question
        return {**message, "content": f"{before}{message['content']}{after}"}


def is_prompt_version(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{VERSION_DIGITS}}}", text) is not None


def _example(value: Any) -> tuple[Any, Any]:
    return value["question"], value["answer"]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
