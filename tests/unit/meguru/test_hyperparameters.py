"""Hyperparameters: SageMaker's strings, read strictly."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.hyperparameters import Hyperparameters, problems


def test_strings_become_numbers() -> None:
    settings = Hyperparameters.parse({"learning_rate": "1e-3", "num_epochs": "7"})
    assert (settings.learning_rate, settings.num_epochs) == (1e-3, 7)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "learning_rte",
            "1e-3",
            r"learning_rte='1e-3': unknown hyperparameter; known are: obj",
        ),
        ("learning_rate", "fast", r"learning_rate='fast': a number from 1e-08 to 1.0$"),
        ("learning_rate", "nan", r"learning_rate='nan': a number from"),
        ("num_epochs", "1.5", r"num_epochs='1.5': a whole number from 1 to 10000$"),
        ("num_epochs", "0", r"num_epochs='0': a whole number from 1 to"),
        ("objective", "magic", r"objective='magic': one of: causal_lm, dpo, kto$"),
        ("lora_targets", "q proj", r"lora_targets='q proj': all-linear, or names of modules"),
        ("merge", "2", r"merge='2': a whole number from 0 to 1$"),
        ("hidden_size", "100", r"hidden_size='100': hidden_size \(100\) has to be a multiple of"),
        ("num_attention_heads", "7", r"num_attention_heads='7': hidden_size \(192\) has to be"),
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


def test_every_wrong_value_is_told_at_once() -> None:
    assert problems({"hiden_size": "3", "num_epochs": "0", "seed": "1"}).keys() == {
        "hiden_size",
        "num_epochs",
    }


def test_the_defaults_are_possible() -> None:
    written = {name: str(value) for name, value in asdict(Hyperparameters()).items()}
    assert Hyperparameters.parse(written) == Hyperparameters()
