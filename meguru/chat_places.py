"""Where contents stand in a rendered conversation, found by rendering it once more with marks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# For private use, so that no template looks for it; contents are not there where it is.
_MARK = "\ue001"
_NUMBERED = re.compile(f"{_MARK}(\\d+){_MARK}")

Span = tuple[int, int]


def marked(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The messages with their numbers, in marks, for their contents."""
    return [{**one, "content": f"{_MARK}{number}{_MARK}"} for number, one in enumerate(messages)]


def places(rendered: str, marks: str, contents: Sequence[str]) -> list[Span] | None:
    """Where in `rendered` each of `contents` stands; `marks` is what `marked` was rendered to.

    None where the template doesn't write each of them once, as it is or without space around it.
    """
    before, *others = _NUMBERED.split(marks)
    numbers, texts = others[::2], others[1::2]
    if [int(one) for one in numbers] != [*range(len(contents))] or not rendered.startswith(before):
        return None
    found, at = [], len(before)
    for content, text in zip(contents, texts, strict=True):
        end = next(
            (end for end in _ends(rendered, at, content) if rendered.startswith(text, end)), -1
        )
        if end < 0:
            return None
        found.append((at, end))
        at = end + len(text)
    return found if at == len(rendered) else None


def _ends(rendered: str, at: int, content: str) -> list[int]:
    """Where a content may end that begins at `at`."""
    forms = (content, content.strip(), content.rstrip(), content.lstrip())
    return [at + len(one) for one in forms if rendered.startswith(one, at)]
