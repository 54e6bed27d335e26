"""The wildcard operator of event patterns: its texts, and those that are too complex together.

EventBridge follows all wildcards of a field through a value at once, character by character, and
refuses those that could keep more than ten places of their texts in play.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_MOST_PLACES = 10
_QUOTE = '"'  # a text is followed with its quotes around it
_OTHER = ""  # stands for all characters that no place goes on with

Place = tuple[int, int]  # a text's number, and how many of its steps are behind


def steps_of(text: str) -> list[str | None]:
    """The characters of a wildcard, None where any may be; ValueError for what isn't one."""
    steps: list[str | None] = []
    for found in re.finditer(r"\\.?|\*+|[^\\*]", text, re.DOTALL):
        part = found[0]
        if part.startswith("*"):
            if len(part) > 1:
                raise ValueError(f"Consecutive wildcard characters at pos {found.start() + 1}")
            steps.append(None)
        elif part.startswith("\\"):
            if part not in ("\\*", "\\\\"):
                raise ValueError(f"Invalid escape character in wildcard {text!r}")
            steps.append(part[1])
        else:
            steps.append(part)
    return steps


def matcher(text: str) -> Callable[[str], bool]:
    """Whether a value is the wildcard's literals with anything between them."""
    literals = [""]
    for step in steps_of(text):
        if step is None:
            literals.append("")
        else:
            literals[-1] += step
    return lambda value: _in_order(literals, value)


def _in_order(literals: list[str], value: str) -> bool:
    if len(literals) == 1:
        return value == literals[0]
    first, *middle, last = literals
    end = len(value) - len(last)
    position = len(first)
    if position > end or not value.startswith(first) or not value.endswith(last):
        return False
    for literal in middle:
        found = value.find(literal, position, end)
        if found < 0:
            return False
        position = found + len(literal)
    return True


def are_too_complex(texts: Iterable[str]) -> bool:
    """Whether some value could keep more places of the wildcards in play than are allowed."""
    paths = [[_QUOTE, *steps_of(text), _QUOTE] for text in dict.fromkeys(texts)]
    waiting = [frozenset((number, 0) for number in range(len(paths)))]
    seen = set(waiting)
    while waiting:
        places = waiting.pop()
        for character in _awaited(places, paths):
            following = _follow(places, character, paths)
            if len(following) > _MOST_PLACES:
                return True
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return False


def _awaited(places: frozenset[Place], paths: list[list[str | None]]) -> set[str]:
    """The characters with which some place goes on, and one for all others."""
    steps = {paths[number][behind] for number, behind in places if behind < len(paths[number])}
    return {step for step in steps if step is not None} | {_OTHER}


def _follow(
    places: frozenset[Place], character: str, paths: list[list[str | None]]
) -> frozenset[Place]:
    """The places after one more character; what any number may stand for may also be none."""
    reached = set[Place]()
    for number, behind in places:
        path = paths[number]
        if behind and path[behind - 1] is None:
            reached.add((number, behind))
        if behind < len(path) and path[behind] == character:
            reached.add((number, behind + 1))
    for number, behind in list(reached):
        if behind < len(paths[number]) and paths[number][behind] is None:
            reached.add((number, behind + 1))
    return frozenset(reached)
