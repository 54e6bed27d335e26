"""Content identity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.fingerprint import canonical_json, fingerprint

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdef", max_size=3), VALUES, max_size=5))
def test_order_of_keys_does_not_count(value: dict[str, Any]) -> None:
    assert fingerprint(dict(reversed(value.items()))) == fingerprint(value)


def test_canonical_form() -> None:
    assert canonical_json({"b": [1, None], "a": "あ"}) == '{"a":"あ","b":[1,null]}'.encode()


@pytest.mark.parametrize(("left", "right"), [(1, "1"), ([], {}), (None, ""), ([1, 2], [2, 1])])
def test_different_values_differ(left: Any, right: Any) -> None:
    assert fingerprint(left) != fingerprint(right)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_can_not_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        fingerprint([value])
