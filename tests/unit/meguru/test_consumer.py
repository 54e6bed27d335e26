"""What a consumer may use."""

from __future__ import annotations

from meguru.consumer import Consumer


def test_models() -> None:
    assert Consumer(name="c").may_use("m")
    assert not Consumer(name="c", models=frozenset()).may_use("m")
    one = Consumer(name="c", models=frozenset({"m"}))
    assert one.may_use("m") and not one.may_use("n")
