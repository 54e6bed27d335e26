"""The consumers that an environment file declares, put into the table; done again, nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from meguru.consumer import SETTINGS


class Declaration:
    """Settings follow the file; keys, and what was revoked, are left as they are."""

    def __init__(self, table: Any, now: datetime) -> None:
        self._table, self._now = table, now.isoformat()

    def declare(self, consumers: Mapping[str, Mapping[str, Any]]) -> None:
        """Have `consumers`, each with its settings by its name, and no others of earlier files."""
        for name, settings in consumers.items():
            self._put(name, settings)
        for name in [name for name in self._declared() if name not in consumers]:
            self._withdraw(name)

    def _put(self, name: str, settings: Mapping[str, Any]) -> None:
        given = {**settings, "declared": True}
        absent = ["withdrawn_at", *(one for one in SETTINGS if one not in settings)]
        # Some of the names are words of DynamoDB's own.
        sets = ", ".join(f"#{one} = :{one}" for one in given)
        removes = ", ".join(f"#{one}" for one in absent)
        self._table.update_item(
            Key={"consumer": name},
            UpdateExpression=(
                f"SET {sets}, created_at = if_not_exists(created_at, :now) REMOVE {removes}"
            ),
            ExpressionAttributeNames={f"#{one}": one for one in (*given, *absent)},
            ExpressionAttributeValues={
                **{f":{one}": value for one, value in given.items()},
                ":now": self._now,
            },
        )

    def _withdraw(self, name: str) -> None:
        """Its requests are refused from now on; put back into the file, it goes on as before."""
        try:
            self._table.update_item(
                Key={"consumer": name},
                UpdateExpression="SET withdrawn_at = :now",
                ConditionExpression="declared = :yes AND attribute_not_exists(withdrawn_at)",
                ExpressionAttributeValues={":now": self._now, ":yes": True},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _declared(self) -> Iterator[str]:
        """The names of all that some file has declared."""
        start: dict[str, Any] = {}
        while True:
            page = self._table.scan(ConsistentRead=True, **start)
            yield from (item["consumer"] for item in page["Items"] if item.get("declared"))
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
