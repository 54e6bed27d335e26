"""Which version answers for a model now, and with how much of a prompt, as releases have noted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from meguru.api_errors import ApiError
from meguru.cache_key import Version
from meguru.prompt_bound import PromptBound

# So long after a release or a rollback an answer of before may still be given.
KNOWN_SECONDS = 1
# A release notes what its prompt may take before its instances start, which takes longer.
PROMPT_KNOWN_SECONDS = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """`version` is None before the first release; either is, where it can't be found out."""

    version: Version | None = None
    prompt: PromptBound | None = None
    start_seconds: int | None = None
    read_at: float = float("-inf")


class ReleasesUnreadable(ApiError):
    """Nobody can say how much a request may use: so it isn't asked, for now."""

    retry_after_seconds = PROMPT_KNOWN_SECONDS

    def __init__(self) -> None:
        message = "What serves could not be read. Try again shortly."
        super().__init__(503, message, code="releases_unreadable")


class ServingVersions:
    """The rows of the release table, by the models' names in the API."""

    def __init__(
        self,
        client: Any,
        table_name: str,
        endpoints: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._table_name = client, table_name
        self._endpoints, self._clock = endpoints, clock
        self._known: dict[str, Serving] = {}

    def of(self, model: str) -> Version | None:
        """None before the first release, and where it can't be found out."""
        return self._serving(model, KNOWN_SECONDS).version

    def released(self, model: str) -> str:
        """The version that was released when last asked; empty where that isn't known."""
        version = self._known.get(model, Serving()).version
        return version.model if version else ""

    def prompt(self, model: str) -> PromptBound:
        """The most that a prompt adds to what `model` is asked, as it was known last.

        ApiError (503) where it never was.
        """
        prompt = self._serving(model, PROMPT_KNOWN_SECONDS).prompt
        if prompt is None:
            raise ReleasesUnreadable
        return prompt

    def start_seconds(self, model: str) -> int | None:
        """How long a copy took to serve where there was none, None where that isn't known."""
        return self._serving(model, PROMPT_KNOWN_SECONDS).start_seconds

    def _serving(self, model: str, seconds: float) -> Serving:
        known, now = self._known.get(model, Serving()), self._clock()
        if now - known.read_at < seconds:
            return known
        try:
            row = self._read(self._endpoints[model])
        except (BotoCoreError, ClientError) as error:
            logger.warning("which version of %s serves is not known: %s", model, error)
            serving = replace(known, version=None, read_at=now)
        else:
            serving = Serving(_version(row), _prompt(row), _start_seconds(row), now)
        self._known[model] = serving
        return serving

    def _read(self, endpoint_name: str) -> dict[str, Any]:
        found = self._client.get_item(
            TableName=self._table_name,
            Key={"endpoint_name": {"S": endpoint_name}},
            ConsistentRead=True,
        )
        row: dict[str, Any] = found.get("Item", {})
        return row


def _version(row: Mapping[str, Any]) -> Version | None:
    release = row.get("release", {}).get("M")
    return Version(release["package"]["S"], release["name"]["S"]) if release else None


def _prompt(row: Mapping[str, Any]) -> PromptBound:
    bound = row.get("prompt_bound", {}).get("M")
    if not bound:
        return PromptBound()
    return PromptBound.read({name: value["N"] for name, value in bound.items()})


def _start_seconds(row: Mapping[str, Any]) -> int | None:
    seconds = row.get("start_seconds", {}).get("N")
    return int(seconds) if seconds else None
