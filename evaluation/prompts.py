"""The prompt that a version is evaluated with, and what it changes of the serving one's."""

from __future__ import annotations

from typing import Any

from meguru.dataset_version import Row
from meguru.prompt import Prompt
from meguru.prompt_text import difference, lines


def rows_of_examples(prompt: Prompt | None) -> list[Row]:
    """What the prompt's examples tell the model: a question among them is none to measure with."""
    examples = prompt.examples if prompt else ()
    return [
        Row.of_question(
            f"example-{number}",
            one.question,
            one.answer,
            f"example-{number}",
            "",
            "train",
            source_uri=f"the prompt's example {number}",
        )
        for number, one in enumerate(examples, start=1)
    ]


def describe_prompt(
    prompt: Prompt | None, serving: Prompt | None, num_tokens: int, source_package: str
) -> dict[str, Any]:
    """`num_tokens` is what it adds to every question; `source_package` the version whose weights
    are evaluated anew with it, "" where they were trained by this run."""
    return {
        "prompt": {
            "version": prompt.version if prompt else "",
            "serving_version": serving.version if serving else "",
            "num_tokens": num_tokens,
            "lines": lines(prompt),
            "difference": difference(serving, prompt),
        },
        "source_package": source_package,
    }
