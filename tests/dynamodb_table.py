"""A table of DynamoDB as a test asks for it: its name, its key, and what else finds its items."""

from __future__ import annotations

from typing import Any


def table_of(name: str, key: str, index: str | None = None) -> dict[str, Any]:
    """What CreateTable and a template are told; `index` is an attribute, and the index's name."""
    names = [key, index] if index else [key]
    table: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in names],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if index:
        table["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ]
    return table
