"""Tokens in millionths of the currency: exact, and never less than they cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meguru.prices import Price

TOKENS = st.integers(0, 10**6)


def test_price_is_of_a_million_tokens() -> None:
    price = Price.read({"prompt": 30, "completion": 0.1, "cached": 3})
    assert price.of(1_000_000, 0) == 30_000_000
    assert price.of(0, 10) == 1
    assert price.of(0, 11) == 2
    assert price.of_cached(2) == 6


@given(st.floats(0, 1000), st.floats(0, 1000), TOKENS, TOKENS)
def test_bound_is_never_below_the_charge(
    prompt: float, completion: float, num_prompt: int, num_completion: int
) -> None:
    price = Price.read({"prompt": prompt, "completion": completion})
    assert price.most(num_prompt + num_completion) >= price.of(num_prompt, num_completion)
