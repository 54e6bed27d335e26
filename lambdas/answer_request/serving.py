"""Which version answers for a model now: what its last release has put there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from meguru.cache_key import Version

# So long after a release or a rollback an answer of before may still be given.
KNOWN_SECONDS = 1

logger = logging.getLogger(__name__)


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
        self._known: dict[str, tuple[float, Version | None]] = {}

    def of(self, model: str) -> Version | None:
        """None before the first release, and where it can't be found out."""
        read_at, version = self._known.get(model, (float("-inf"), None))
        now = self._clock()
        if now - read_at < KNOWN_SECONDS:
            return version
        version = self._read(self._endpoints[model])
        self._known[model] = now, version
        return version

    def _read(self, endpoint_name: str) -> Version | None:
        try:
            found = self._client.get_item(
                TableName=self._table_name,
                Key={"endpoint_name": {"S": endpoint_name}},
                ConsistentRead=True,
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("which version of %s serves is not known: %s", endpoint_name, error)
            return None
        release = found.get("Item", {}).get("release", {}).get("M")
        return Version(release["package"]["S"], release["name"]["S"]) if release else None
