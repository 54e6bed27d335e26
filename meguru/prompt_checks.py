"""What can stand in a prompt: text that sets no control token, and one place for the question."""

from __future__ import annotations

import re
from string import Formatter

PLACEHOLDER = "{question}"
# How public models write control tokens. Those of the very model are looked for where it is known.
_CONTROL_TOKEN = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT)\]|<</?SYS>>"
)
# Of the signs that are no text, those that a person writes.
WRITTEN = "\n\t"


def problem_of_text(text: str) -> str:
    """What keeps a text from being part of a prompt; empty where nothing does."""
    if found := _CONTROL_TOKEN.search(text):
        return (
            f"{found[0]} is how models write a control token: the model's own template sets "
            "those, so say it in words or take it out"
        )
    wrong = [one for one in text if (one < " " and one not in WRITTEN) or one == "\x7f"]
    wrong += [one for one in text if "\ud800" <= one <= "\udfff"]
    return f"the character U+{ord(wrong[0]):04X} is no text: take it out" if wrong else ""


def problem_of_template(template: str) -> str:
    """What keeps a text from being a question's template; empty where nothing does."""
    wanted = f"it needs {PLACEHOLDER} once, where the user's own words go"
    try:
        fields = [
            f"{name}{'!' if kind else ''}{kind or ''}{':' if form else ''}{form}"
            for _, name, form, kind in Formatter().parse(template)
            if name is not None
        ]
    except ValueError:
        return f"{wanted}; a brace that is meant as one is written twice: {{{{ or }}}}"
    others = [name for name in fields if name != "question"]
    if others:
        return f"{{{others[0]}}} is no placeholder: {wanted}; a brace of the text is written twice"
    return "" if len(fields) == 1 else f"{wanted} (it has it {len(fields)} times)"
