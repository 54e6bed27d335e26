"""A prompt as a person reads it, and what is different between two."""

from __future__ import annotations

from difflib import unified_diff

from meguru.prompt import Prompt
from meguru.prompt_checks import PLACEHOLDER


def lines(prompt: Prompt | None) -> list[str]:
    """Every text of it under its name; nothing of what it leaves as it is."""
    if prompt is None:
        return []
    told = [("system", prompt.system)] if prompt.system else []
    for number, one in enumerate(prompt.examples, start=1):
        told += [(f"example {number}, question", one.question)]
        told += [(f"example {number}, answer", one.answer)]
    if prompt.question_template != PLACEHOLDER:
        told.append(("question_template", prompt.question_template))
    return [line for name, text in told for line in (f"[{name}]", *text.split("\n"))]


def difference(old: Prompt | None, new: Prompt | None) -> list[str]:
    """The lines that are gone (-), new (+) and around them; none where both say the same.

    None is a model without a prompt.
    """
    before, after = (one.version if one else "no prompt" for one in (old, new))
    return list(unified_diff(lines(old), lines(new), before, after, lineterm=""))
