"""Prices and the account's budget: what is wrong is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meguru.billing import Billing, Budget
from meguru.prices import Price
from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.settings import MAX_MODELS, Environment

FILE = "name: acme\nmodels:\n  staff-chat: {name: Staff.Chat}\n  other: {}\n"
PRICES = "prices: {staff-chat: {prompt: 30, completion: 0.1}, other: {}}\n"


def read(folder: Path, text: str) -> Environment:
    path = folder / "acme.yaml"
    path.write_text(FILE + text)
    return read_environment(path)


def test_without_any_of_it_usage_is_only_counted(tmp_path: Path) -> None:
    billing = read(tmp_path, "").billing
    assert billing == Billing()
    assert not billing.keeps_account


def test_prices_are_by_the_name_in_the_api(tmp_path: Path) -> None:
    text = PRICES + "budget: {per_month: 5.1, tokens_per_day: 7, at_limit: alarm, currency: USD}\n"
    billing = read(tmp_path, text).billing
    assert billing.prices["Staff.Chat"] == Price.read({"prompt": 30, "completion": 0.1})
    assert billing.currency == "USD"
    assert billing.budget == Budget(per_month=5_100_000, tokens_per_day=7, stops=False)


def test_as_many_models_as_there_may_be_have_names_and_prices(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    names = [f"m{number}" for number in range(MAX_MODELS)]
    models = {name: {"name": name.ljust(63, "n")} for name in names}
    prices = {name: {"prompt": 123.25, "completion": 456.75} for name in names}
    path.write_text(yaml.safe_dump({"name": "many", "models": models, "prices": prices}))
    assert len(read_environment(path).billing.prices) == MAX_MODELS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget: {per_month: 5}\n", "5: budget.per_month: give a price for each model"),
        ("prices: {staff-chat: {}}\nbudget: {per_day: 5}\n", "in `prices`: other has none"),
        ("prices: {Staff.Chat: {}}\n", "prices.Staff.Chat: no model; they are staff-chat, other"),
        ("prices: {other: {prompt: -1}}\n", "5: prices.other.prompt: at least 0"),
        (f"{PRICES}budget: {{per_day: 2, per_month: 1}}\n", "at most per_month, which is 1"),
        ("budget: {tokens_per_month: 0}\n", "budget.tokens_per_month: at least 1"),
        ("budget: {tokens_per_month: 1.5}\n", "budget.tokens_per_month: a whole number"),
        ("budget: {per_month: 0}\n", "budget.per_month: above 0"),
        ("budget: {at_limit: Stop}\n", "budget.at_limit: one of 'stop' or 'alarm'"),
        ("budget: {currency: yen}\n", "budget.currency: a currency by its three letters"),
        ("time_zone: JST\n", "5: time_zone: a time zone by its name in the IANA database"),
        ("time_zone: 9\n", "5: time_zone: a time zone by its name in the IANA database"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)
