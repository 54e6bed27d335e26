"""Tokens to text, a piece at a time: no split characters, nothing past a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

REPLACEMENT = "\ufffd"


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that decoding needs."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str | list[str]: ...


class TextDecoder:
    """Turns one generation's tokens into pieces of text that can be sent at once.

    A character may take several tokens: text that ends inside one is held back. A token's text may
    depend on the one before it, so decoding starts a little earlier (the prefix), as vLLM's and
    TGI's do. Text that may be the start of a stop string is held back too.
    """

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._tokenizer, self._stops = tokenizer, stops
        self._token_ids: list[int] = []
        self._prefix_start = self._read_end = 0
        self._held = ""
        self.stopped = False

    def add(self, token_id: int) -> str:
        """The text that `token_id` completes; `stopped` is set where a stop string came."""
        self._token_ids.append(token_id)
        prefix = self._decode(self._prefix_start, self._read_end)
        whole = self._decode(self._prefix_start, len(self._token_ids))
        if len(whole) <= len(prefix) or whole.endswith(REPLACEMENT):
            return ""
        self._prefix_start, self._read_end = self._read_end, len(self._token_ids)
        return self._release(self._held + whole[len(prefix) :])

    def finish(self) -> str:
        """What was held back for a stop string that did not come. Half a character is dropped."""
        held, self._held = self._held, ""
        return held

    def _decode(self, start: int, end: int) -> str:
        text = self._tokenizer.decode(self._token_ids[start:end], skip_special_tokens=True)
        assert isinstance(text, str), "one list of tokens is one text"
        return text

    def _release(self, text: str) -> str:
        found = [place for place in map(text.find, self._stops) if place >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the start of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if stop.startswith(text[-size:])), 0)
