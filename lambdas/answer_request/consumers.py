"""Who calls: the consumer of the API key that API Gateway has found."""

from __future__ import annotations

from meguru.consumer import Consumer


class KeyHolders:
    """Each API key is a consumer of its own, by its id; only the usage plan limits it."""

    def of_key(self, key_id: str) -> Consumer:
        return Consumer(name=key_id)
