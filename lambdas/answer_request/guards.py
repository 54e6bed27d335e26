"""The guard that the environment file asks for: our rules, Bedrock's guardrail, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambdas.answer_request.ports import Guard
from meguru.guard_rules import GuardRules
from meguru.verdict import Verdict


class Guards:
    """Several, one after the other; each reads what the one before has made of the text."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards

    def check(self, text: str, side: str) -> Verdict:
        passed = Verdict()
        for guard in self._guards:
            verdict = guard.check(
                text if passed.replaced_text is None else passed.replaced_text, side
            )
            if not verdict.allowed:
                return verdict
            if verdict.replaced_text is not None:
                passed = verdict
        return passed


def read_guard(settings: Mapping[str, Any], make_bedrock: Callable[[], Any]) -> Guard | None:
    """The guard of an environment file's settings; None where there is none.

    `make_bedrock` makes a client of bedrock-runtime.
    """
    guards: list[Guard] = []
    rules = GuardRules.read(settings)
    if rules.is_set:
        guards.append(rules)
    if bedrock := settings.get("bedrock"):
        # A cold start without it has no botocore to import.
        from lambdas.answer_request.bedrock_guardrail import BedrockGuardrail

        guards.append(BedrockGuardrail(make_bedrock(), bedrock["guardrail"], bedrock["version"]))
    return Guards(guards) if guards else None
