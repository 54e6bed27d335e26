"""Values have the form that boto3 gives them, and come back as they were."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from meguru.attribute_values import from_item, to_attribute, to_item

SETS = ("SS", "NS", "BS")
VALUES: list[Any] = [
    *(None, True, "日本", 3, Decimal("1.5"), b"a", {"a": ["b", 1]}),
    *({"b", "a"}, frozenset({"a"}), {2, 1}, {b"b", b"a"}),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_written_as_boto3_does(value: Any) -> None:
    written, expected = to_attribute(value), TypeSerializer().serialize(value)
    # A set comes in any order.
    ordered = {kind: sorted(one) if kind in SETS else one for kind, one in expected.items()}
    assert written == ordered
    assert from_item(to_item({"one": value})) == {"one": value}


@pytest.mark.parametrize("value", [set(), {"a", 1}, {("a",)}, 1.5, object()])
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="DynamoDB has no form for a"):
        to_attribute(value)
