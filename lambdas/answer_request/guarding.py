"""What a guard lets pass: of what is asked, of an answer, and of a stream as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.answer_request.assembly import Choice, text_of
from lambdas.answer_request.ports import Guard
from meguru.api_errors import ApiError
from meguru.request import Request

INPUT, OUTPUT = "input", "output"
# OpenAI's own, of an answer that was kept back.
FILTERED = "content_filter"
# Where a sentence ends a rule has seen it whole: nothing it looks for goes on after that.
SENTENCE_ENDS = ("\n", "。", "！", "？", "!", "?")
# What never ends is not held for ever.
MAX_HELD_CHARACTERS = 400


class Guarding:
    """A guard for one answer; `rule` is the last that something of it has met.

    `met_answer` says whether one has met what the model said, and not only what it was asked.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard, self.rule, self.met_answer = guard, "", False

    def check_input(self, request: Request) -> Request:
        """The request as the model may read it; ApiError (400) names the rule in its way."""
        return request.with_texts(self._read)

    def _read(self, text: str) -> str:
        verdict = self._guard.check(text, INPUT) if text else None
        if verdict is None:
            return text
        self.rule = verdict.rule or self.rule
        if not verdict.allowed:
            message = f"The request was refused by the rule '{verdict.rule}'."
            raise ApiError(400, message, code=FILTERED)
        return text if verdict.replaced_text is None else verdict.replaced_text

    def check_answer(self, completion: dict[str, Any]) -> dict[str, Any]:
        """The completion as it may be given: what is kept back ends with `content_filter`."""
        if "choices" not in completion:
            return completion
        choices = [one for choice in completion["choices"] for one in self._checked([choice])]
        return completion | {"choices": choices}

    def check_chunks(
        self, chunks: Iterator[dict[str, Any]], num_choices: int
    ) -> Iterator[dict[str, Any]]:
        """The chunks of a stream, each held until its sentence was seen whole.

        It ends where all of the choices are kept back: nobody waits for the rest.
        """
        held: dict[int, list[dict[str, Any]]] = {}
        blocked: set[int] = set()
        for chunk in chunks:
            if not chunk["choices"]:
                yield chunk
            for choice in chunk["choices"]:
                index = choice.get("index", 0)
                if index in blocked:
                    continue
                waiting = held.setdefault(index, [])
                waiting.append(chunk | {"choices": [choice]})
                if _is_sentence([one["choices"][0] for one in waiting]):
                    for passed in self._passed(held.pop(index)):
                        if passed["choices"][0]["finish_reason"] == FILTERED:
                            blocked.add(index)
                        yield passed
            if len(blocked) == num_choices:
                yield chunk | {"choices": []}
                return

    def _passed(self, chunks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        choices = self._checked([one["choices"][0] for one in chunks])
        # What stands for them all has the usage of the last.
        of_chunks = chunks if len(choices) == len(chunks) else chunks[-1:]
        for chunk, choice in zip(of_chunks, choices, strict=True):
            yield chunk | {"choices": [choice]}

    def _checked(self, choices: list[Choice]) -> list[Choice]:
        """The parts of one choice as they are, or one in place of all."""
        text = "".join(map(_all_of, choices))
        verdict = self._guard.check(text, OUTPUT) if text else None
        if verdict is None:
            return choices
        self.rule = verdict.rule or self.rule
        if verdict.allowed and verdict.replaced_text is None:
            return choices
        self.met_answer = True
        calls_tool = any("tool_calls" in _said(one) for one in choices)
        if not verdict.allowed or calls_tool:
            # A call of which something was replaced would be another call.
            return [_saying(choices, "", FILTERED)]
        return [_saying(choices, verdict.replaced_text or "", choices[-1].get("finish_reason"))]


def _is_sentence(choices: list[Choice]) -> bool:
    text = "".join(map(_all_of, choices))
    is_over = bool(choices[-1].get("finish_reason")) or not text
    return is_over or text.endswith(SENTENCE_ENDS) or len(text) >= MAX_HELD_CHARACTERS


def _said(choice: Choice) -> dict[str, Any]:
    said: dict[str, Any] = choice.get("message") or choice.get("delta") or {}
    return said


def _all_of(choice: Choice) -> str:
    """Its text, and what it would have a tool told."""
    calls = _said(choice).get("tool_calls") or []
    return text_of(choice) + "".join(
        (call.get("function") or {}).get("arguments") or "" for call in calls
    )


def _saying(choices: list[Choice], text: str, finish_reason: str | None) -> Choice:
    """A choice of the same form that says this; probabilities would tell the words."""
    first = choices[0]
    end = {"finish_reason": finish_reason, "logprobs": None}
    if "text" in first:
        return {**first, **end, "text": text}
    member = "message" if "message" in first else "delta"
    kept = {name: one for name, one in _said(first).items() if name == "role"}
    return {**first, **end, member: {**kept, "content": text}}
