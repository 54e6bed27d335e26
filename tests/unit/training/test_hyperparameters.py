"""Hyperparameters: SageMaker's strings, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.hyperparameters import Hyperparameters


def test_strings_become_numbers() -> None:
    settings = Hyperparameters.parse({"learning_rate": "1e-3", "num_epochs": "7"})
    assert (settings.learning_rate, settings.num_epochs) == (1e-3, 7)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rte", "1e-3", r"unknown hyperparameter learning_rte='1e-3'"),
        ("learning_rate", "fast", r"learning_rate='fast' is not a number"),
        ("learning_rate", "nan", r"learning_rate='nan' is not within"),
        ("num_epochs", "1.5", r"num_epochs='1.5' is not a whole number"),
        ("num_epochs", "0", r"num_epochs='0' is not within 1 to"),
        ("objective", "magic", r"objective='magic' is not one of: causal_lm"),
        ("hidden_size", "100", r"hidden_size=100 must be a multiple of"),
    ],
)
def test_wrong_value_is_refused_by_name(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hyperparameters.parse({name: value})


@given(st.text(), st.text())
def test_anything_is_read_or_refused_with_its_name(name: str, value: str) -> None:
    try:
        Hyperparameters.parse({name: value})
    except ValueError as error:
        assert name in str(error)
