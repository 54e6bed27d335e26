"""What a guard says of a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether a text may pass, and by which `rule` not, or not as it is.

    `replaced_text` stands for the text where a rule changed it; None: it passes as it is.
    """

    allowed: bool = True
    rule: str = ""
    replaced_text: str | None = None
