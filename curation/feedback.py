"""Reads feedback: corrections, and votes on answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curation.normalisation import normalise
from curation.parsing import question_record
from curation.records import Parsed, SetAside, Source
from meguru.limits import MAX_CONVERSATION_CHARACTERS, Message

ROLES = ("system", "user", "assistant")
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def parse_feedback(path: Path, *, with_preferences: bool = False) -> Parsed | None:
    """One feedback object; None where it corrects nothing.

    With preferences a correction keeps the answer it corrects as `rejected`. What only says that
    another answer was better is a record of that one with the `rating` 1 and the worse one as
    `rejected`; what is only rated, one of its `rating`.
    """
    source = Source("feedback", path.stem)
    try:
        value = _loads(path.read_bytes())
        answer, rejected, rating = value["corrected_output"], "", 0
        if with_preferences:
            answer, rejected, rating = _preference(value)
        if not answer and not rating:
            return None
        source = Source("feedback", _text(value["feedback_id"]))
        row = {"question": value["question"], "answer": answer}
        context = _context(value.get("context") or [])
        parsed = question_record(row, source, created_at=_utc(value["created_at"]))
        if isinstance(parsed, SetAside):
            return parsed
        return replace(parsed, context=context, rejected=rejected, rating=rating)
    except _BROKEN as error:
        content = path.read_bytes().decode("utf-8", "replace")
        return SetAside("broken_feedback", f"not a feedback record: {error!r}", source, content)


def _preference(value: Any) -> tuple[Any, str, int]:
    """The answer that is spoken of, the worse one, and the rating: a correction has none."""
    if corrected := value["corrected_output"]:
        return corrected, _rejected(value, corrected), 0
    preferred = value.get("preferred_answer")
    if preferred and (rejected := _rejected(value, preferred)):
        return preferred, rejected, 1
    rating = value.get("rating")
    return (value["answer"], "", int(rating)) if rating in (1, -1) else ("", "", 0)


def _rejected(value: Any, answer: str) -> str:
    """What another is better than, where it says something else and isn't too long to be learnt."""
    rejected = value.get("answer") or ""
    if not isinstance(rejected, str) or len(rejected) > MAX_CONVERSATION_CHARACTERS:
        return ""
    return rejected if normalise(rejected) != normalise(answer) else ""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a text")
    value.encode()  # UnicodeEncodeError for half of a character
    return value


def _context(messages: Any) -> tuple[Message, ...]:
    """The messages before a question; feedback of earlier releases has none."""
    context = tuple({"role": one["role"], "content": one["content"]} for one in messages)
    for message in context:
        if message["role"] not in ROLES or not isinstance(message["content"], str):
            raise TypeError(f"{message!r} is not a message")
        message["content"].encode()  # UnicodeEncodeError for half of a character
    return context


def _utc(value: Any) -> str:
    """A moment in one notation, so that the newest is the one that sorts last.

    OverflowError where it is in no year of UTC that has a date.
    """
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"'{value}' has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number
