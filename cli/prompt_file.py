"""A prompt as a person writes it: a small YAML file, refused with its line and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from cli.yaml_file import read_yaml
from meguru import prompt
from meguru.prompt import MAX_CHARACTERS, MAX_EXAMPLES, Prompt
from meguru.prompt_checks import PLACEHOLDER, WRITTEN, problem_of_template, problem_of_text
from stacks.environment.refusals import refusal
from stacks.environment.section import SECTION

# As many as the longest prompt may take, each of its characters as "\U0001F600": what a prompt is
# held to are its characters, whatever they take in a file.
MAX_BYTES = 10 * MAX_CHARACTERS + 64 * 1024


def _refuse(problem_of: Callable[[str], str]) -> AfterValidator:
    def check(text: str) -> str:
        if said := problem_of(text):
            raise refusal(said)
        return text

    return AfterValidator(check)


Text = Annotated[str, _refuse(problem_of_text)]
Said = Annotated[Text, _refuse(lambda text: "" if text.strip() else "is empty")]


class Example(BaseModel):
    """A question with the answer that is wanted to it."""

    model_config = SECTION

    question: Said
    answer: Said


class PromptFile(BaseModel):
    """One file; what it says is meguru.prompt's."""

    model_config = SECTION

    system: Text = ""
    examples: Annotated[list[Example], Field(max_length=MAX_EXAMPLES)] = []
    question_template: Annotated[Text, _refuse(problem_of_template)] = PLACEHOLDER


def read_prompt_file(path: Path) -> Prompt:
    """The prompt in `path`; ValueError with the file, the line and the key of what is wrong.

    The line's end of a block of text, and blank lines at its ends, are the file's: they are no part
    of the prompt.
    """
    read = read_yaml(
        path,
        PromptFile,
        what="a prompt's file",
        see="docs/prompts.md",
        allowed=WRITTEN,
        max_bytes=MAX_BYTES,
    )
    try:
        return Prompt(
            read.system.strip(),
            tuple(
                prompt.Example(one.question.strip(), one.answer.strip()) for one in read.examples
            ),
            read.question_template.strip("\n"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
