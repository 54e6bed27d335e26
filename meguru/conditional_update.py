"""One conditional write to one item of DynamoDB: all of it, or nothing."""

from __future__ import annotations

from typing import Any

from meguru.attribute_values import to_attribute

Attributes = dict[str, Any]
Value = int | str | frozenset[str] | frozenset[bytes]


class ConditionFailed(Exception):
    """Nothing was written; `item` is what stands there, empty where there is none."""

    def __init__(self, item: Attributes) -> None:
        super().__init__()
        self.item = item


class ConditionalUpdate:
    """What an item of `table_name` becomes, if all conditions hold; it is made where there is none.

    Source: DynamoDB developer guide, "Update expressions", "Condition expressions".
    """

    def __init__(self, table_name: str, key: Attributes) -> None:
        self._table_name, self._key = table_name, key
        self._clauses: dict[str, list[str]] = {}
        self._conditions: list[str] = []
        self._names: dict[str, str] = {}
        self._values: Attributes = {}

    def set(self, name: str, value: Value) -> None:
        self._clause("SET", f"{self._name(name)} = {self._value(value)}")

    def add(self, name: str, value: Value) -> None:
        """Add to a number, or to a set; nothing there counts as zero, or as an empty set."""
        if value:
            self._clause("ADD", f"{self._name(name)} {self._value(value)}")

    def take_out(self, name: str, value: frozenset[str] | frozenset[bytes]) -> None:
        self._clause("DELETE", f"{self._name(name)} {self._value(value)}")

    def if_at_most(self, name: str, value: int) -> None:
        """The number is that or less; nothing there counts as zero, so `value` must not be less."""
        assert value >= 0
        place = self._name(name)
        self._conditions.append(
            f"(attribute_not_exists({place}) OR {place} <= {self._value(value)})"
        )

    def if_equal(self, name: str, value: int | str) -> None:
        self._conditions.append(f"{self._name(name)} = {self._value(value)}")

    def if_less(self, name: str, value: int) -> None:
        """The number is less than that, or not there."""
        place = self._name(name)
        self._conditions.append(
            f"(attribute_not_exists({place}) OR {place} < {self._value(value)})"
        )

    def if_in(self, name: str, value: str | bytes) -> None:
        self._conditions.append(f"contains({self._name(name)}, {self._value(value)})")

    def if_not_in(self, name: str, value: str | bytes) -> None:
        self._conditions.append(f"NOT contains({self._name(name)}, {self._value(value)})")

    def if_absent(self, name: str) -> None:
        self._conditions.append(f"attribute_not_exists({self._name(name)})")

    def if_room_in(self, name: str, value: str, most: int) -> None:
        """The set has the value, or fewer than so many."""
        place = self._name(name)
        has = f"contains({place}, {self._value(value)})"
        self._conditions.append(
            f"(attribute_not_exists({place}) OR {has} OR size({place}) < {self._value(most)})"
        )

    def part(self) -> Attributes:
        """The write as one of a transaction's."""
        request = self._request()
        del request["ReturnValues"], request["ReturnValuesOnConditionCheckFailure"]
        return {"Update": request}

    def send(self, client: Any) -> Attributes:
        """Write it; the attributes that it has changed. ConditionFailed where one doesn't hold."""
        try:
            answer: Attributes = client.update_item(**self._request())
        except client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(error.response.get("Item", {})) from error
        changed: Attributes = answer.get("Attributes", {})
        return changed

    def _request(self) -> Attributes:
        clauses = (f"{word} {', '.join(parts)}" for word, parts in self._clauses.items())
        conditions = {"ConditionExpression": " AND ".join(self._conditions)}
        return {
            "TableName": self._table_name,
            "Key": self._key,
            "UpdateExpression": " ".join(clauses),
            **(conditions if self._conditions else {}),
            "ExpressionAttributeNames": {sign: name for name, sign in self._names.items()},
            "ExpressionAttributeValues": self._values,
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _clause(self, word: str, text: str) -> None:
        self._clauses.setdefault(word, []).append(text)

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"#n{len(self._names)}")

    def _value(self, value: Value | bytes) -> str:
        sign = f":v{len(self._values)}"
        self._values[sign] = to_attribute(value)
        return sign
