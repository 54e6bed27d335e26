"""A guardrail of Amazon Bedrock, asked of each text.

Source: Bedrock API reference, ApplyGuardrail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from meguru.api_errors import ApiError
from meguru.verdict import Verdict

CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3})
BLOCKED = "BLOCKED"
RULE = "bedrock"
# The members by which a rule is told; its `match` is what somebody said, and is no name.
NAMES = ("name", "type")

logger = logging.getLogger(__name__)


class GuardUnavailable(ApiError):
    """Nobody can say whether a text may pass: so it doesn't, for now."""

    retry_after_seconds = 5

    def __init__(self) -> None:
        message = "The guard could not be asked. Try again shortly."
        super().__init__(503, message, code="guard_unavailable")


class BedrockGuardrail:
    """`runtime` is a boto3 client of bedrock-runtime."""

    def __init__(self, runtime: Any, guardrail: str, version: str) -> None:
        self._runtime, self._guardrail, self._version = runtime, guardrail, version

    def check(self, text: str, side: str) -> Verdict:
        try:
            said = self._runtime.apply_guardrail(
                guardrailIdentifier=self._guardrail,
                guardrailVersion=self._version,
                source=side.upper(),
                content=[{"text": {"text": text}}],
            )
        except (BotoCoreError, ClientError) as error:
            logger.exception("the guardrail could not be asked")
            raise GuardUnavailable from error
        if said["action"] == "NONE":
            return Verdict()
        met = list(_met(said.get("assessments", [])))
        blocking = [rule for rule, action in met if action == BLOCKED]
        replaced = "".join(output["text"] for output in said.get("outputs", []))
        # What intervenes in a way that isn't known here lets nothing pass.
        if blocking or not met or not replaced:
            return Verdict(allowed=False, rule=blocking[0] if blocking else RULE)
        return Verdict(rule=met[0][0], replaced_text=replaced)


def _met(assessments: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The rules that a text has met, each with what Bedrock did about it."""
    for assessment in assessments:
        for policy, lists in assessment.items():
            for kind, found in lists.items() if isinstance(lists, dict) else ():
                for one in found if isinstance(found, list) else ():
                    action = one.get("action", "NONE")
                    if action != "NONE":
                        name = next((one[name] for name in NAMES if name in one), kind)
                        yield f"{RULE}:{policy.removesuffix('Policy')}:{name}", action
