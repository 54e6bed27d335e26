"""A ledger's table in a local cloud of its own, and the ledger that a process opens on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION
from meguru.billing import Billing, Budget
from meguru.conditional_update import ConditionalUpdate
from meguru.ledger import Ledger
from meguru.ledger_book import KEY, MONTH_INDEX
from meguru.prices import Price
from tests.campaigns.one_table import one_table

TABLE, MODEL = "ledger", "staff-chat"
CALLS_TOKENS = 10
# Ten tokens are 0.10, whichever they are; the budget of 5.00 takes 50 such calls.
PRICES = {MODEL: Price.read({"prompt": 10_000, "completion": 10_000})}
NUM_FITTING = 50
BUDGET = Budget(per_month=5_000_000)


def ledger_table(folder: Path) -> AbstractContextManager[str]:
    """The address of a local cloud that has nothing but the table."""
    return one_table(folder, TABLE, KEY, MONTH_INDEX)


def dynamodb(endpoint_url: str, connections: int = 10) -> Any:
    return boto3.Session(
        aws_access_key_id=LOCAL_CREDENTIALS["access_key_id"],
        aws_secret_access_key=LOCAL_CREDENTIALS["secret_access_key"],
    ).client(
        "dynamodb",
        region_name=LOCAL_REGION,
        endpoint_url=endpoint_url,
        # So many at once on a small machine: none is to give up because others come first.
        config=Config(max_pool_connections=connections, read_timeout=300),
    )


def open_ledger(client: Any, budget: Budget, clock: Callable[[], float]) -> Ledger:
    return Ledger(client, TABLE, Billing(prices=PRICES, budget=budget), clock)


def plant(fault: str) -> None:
    """Have every ledger of this process make a mistake."""
    # Mistakes that a ledger could have: it writes whatever stands there, or settles again.
    method = {"overspends": "if_at_most", "settles again": "if_in"}.get(fault)
    if method:
        setattr(ConditionalUpdate, method, lambda *_: None)
