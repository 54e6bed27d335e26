"""What the environment file says of what may be asked and answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from meguru.folded_text import FoldedText
from meguru.personal_data import KINDS
from stacks.environment.refusals import only
from stacks.environment.section import Settings
from stacks.environment.values import matches

MAX_WORDS, MAX_WORD_CHARACTERS = 1000, 100
Word = Annotated[
    str,
    only(
        lambda word: bool(FoldedText(word).folded.strip()) and len(word) <= MAX_WORD_CHARACTERS,
        f"a text of 1 to {MAX_WORD_CHARACTERS} characters",
    ),
]
Kind = Annotated[str, only(lambda kind: kind in KINDS, f"one of {', '.join(KINDS)}")]
Action = Literal["replace", "refuse"]
Guardrail = Annotated[
    str,
    only(
        matches(
            r"[a-z0-9]{1,32}|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:guardrail/[a-z0-9]{1,32}"
        ),
        "a guardrail's id, such as ab12cd34ef56, or its ARN",
    ),
]
GuardrailVersion = Annotated[
    str, only(matches(r"[1-9]\d{0,7}|DRAFT"), "a guardrail's version in quotes: '1', or DRAFT")
]


class PersonalData(Settings):
    """What becomes of personal data that is asked or answered; without an action: nothing."""

    input: Action | None = None
    output: Action | None = None
    kinds: Annotated[list[Kind], Field(min_length=1)] = list(KINDS)


class Bedrock(Settings):
    guardrail: Guardrail
    version: GuardrailVersion


class Guard(Settings):
    """Rules for texts on their way in and out; without any, every text passes."""

    words: Annotated[list[Word], Field(max_length=MAX_WORDS)] = []
    personal_data: PersonalData = PersonalData()
    overrides: Literal["refuse", "allow"] = "allow"
    bedrock: Bedrock | None = None

    def settings(self) -> dict[str, Any]:
        """What the function is told; empty where nothing is set."""
        actions = {
            side: action
            for side in ("input", "output")
            if (action := getattr(self.personal_data, side))
        }
        told = {
            "words": self.words,
            "personal_data": actions,
            "overrides": self.overrides == "refuse",
            "bedrock": self.bedrock.model_dump() if self.bedrock else None,
        }
        told = {name: value for name, value in told.items() if value}
        return told | ({"kinds": self.personal_data.kinds} if actions else {})
