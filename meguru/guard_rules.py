"""The rules that Meguru brings for what may be asked and answered: words, personal data, overrides.

A rule reads a folded text, so that no width, dash or invisible character hides anything from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from meguru.folded_text import FoldedText
from meguru.personal_data import KINDS, find, redact
from meguru.verdict import Verdict

INPUT, OUTPUT = "input", "output"
REPLACE, REFUSE = "replace", "refuse"
# The rules' names, as refusals and records have them.
WORDS, PERSONAL_DATA, OVERRIDES = "words", "personal_data", "overrides"

_INSTRUCTIONS = "(?:instructions?|rules?|prompts?|guidelines?|directions?)"
# Who asks a model to drop what the company has told it, or to give it away.
_OVERRIDES = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)\W+(?:\w+\W+){0,4}?"
    rf"(?:previous|prior|above|earlier|preceding|system|your)\W+(?:\w+\W+){{0,2}}?{_INSTRUCTIONS}"
    r"|(?:reveal|print|show|repeat|output|display|tell me)\W+(?:\w+\W+){0,3}?"
    r"(?:system prompt|(?:initial|hidden|system) (?:instructions|message))"
    r"|(?:これまで|今まで|以前|前|上記|上|すべて|全て|全部|システム|元|最初|あなた)の?[^。\n]{0,8}?"
    r"(?:指示|命令|ルール|規則|プロンプト|制約|設定)[^。\n]{0,6}?"
    r"(?:無視|忘れ|破棄|無効|従わ(?:ない|なくて|ず)|破って)"
    r"|(?:システム|初期|内部の?|隠された)\s?(?:プロンプト|指示|メッセージ)[^。\n]{0,10}?"
    r"(?:表示|出力|教え|見せ|開示|書き出|繰り返)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class GuardRules:
    """`words` may stand on neither side; `personal_data` says by side what happens to it.

    `overrides`: whether a request is refused that would have the model drop its instructions.
    """

    words: Sequence[str] = ()
    personal_data: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = KINDS
    overrides: bool = False

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> GuardRules:
        """From the members of the environment's `guard` that are these rules'."""
        names = ("words", "personal_data", "kinds", "overrides")
        return cls(**{name: values[name] for name in names if name in values})

    @property
    def is_set(self) -> bool:
        return bool(self.words or self.personal_data or self.overrides)

    def check(self, text: str, side: str) -> Verdict:
        """What these rules say of a text of the `input` or the `output` side."""
        folded = FoldedText(text).folded
        if self.words and self._words.search(folded):
            return Verdict(allowed=False, rule=WORDS)
        if self.overrides and side == INPUT and _OVERRIDES.search(folded):
            return Verdict(allowed=False, rule=OVERRIDES)
        action = self.personal_data.get(side)
        if action == REPLACE and (redacted := redact(text, self.kinds)) != text:
            return Verdict(rule=PERSONAL_DATA, replaced_text=redacted)
        if action == REFUSE and find(text, self.kinds):
            return Verdict(allowed=False, rule=PERSONAL_DATA)
        return Verdict()

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_pattern, self.words)), re.IGNORECASE)


def _pattern(word: str) -> str:
    """A word of Latin letters is one by itself: no other has it within."""
    folded = FoldedText(word).folded.strip()
    before = r"(?<![A-Za-z0-9])" if re.match("[A-Za-z0-9]", folded) else ""
    after = r"(?![A-Za-z0-9])" if re.search("[A-Za-z0-9]$", folded) else ""
    return before + r"\s+".join(map(re.escape, folded.split())) + after
