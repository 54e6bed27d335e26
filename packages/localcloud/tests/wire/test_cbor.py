"""CBOR against RFC 8949's own examples, and against what is no CBOR."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.wire.cbor import decode, encode

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1903e8", 1000),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fb3ff199999999999a", 1.1),
        ("f5", True),
        ("f7", None),
        ("c11a514b67b0", datetime(2013, 3, 21, 20, 4, tzinfo=UTC)),
        ("4401020304", b"\1\2\3\4"),
        ("62c3bc", "ü"),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_the_standards_examples(written: str, value: Any) -> None:
    assert decode(bytes.fromhex(written)) == value


def test_a_time_is_a_number_with_a_tag() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert decode(encode({"at": moment})) == {"at": moment}


@pytest.mark.parametrize(
    "broken",
    ["", "1c", "62c3", "ff", "0101", "f8ff", "9f", "bf6161ff", "5f01ff", "81" * 100 + "01"],
)
def test_what_is_no_cbor_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"CBOR|must be|zip|argument|expected"):
        decode(bytes.fromhex(broken))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


def test_what_it_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        encode({1, 2})
    with pytest.raises(ValueError, match="64 bits"):
        encode(2**64)
