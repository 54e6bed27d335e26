"""A ledger's table in a local cloud of its own, and the ledger that a process opens on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION
from cli.cloud_process import CloudProcess
from meguru.billing import Billing, Budget
from meguru.conditional_update import ConditionalUpdate
from meguru.ledger import Ledger
from meguru.ledger_book import KEY, MONTH, MONTH_INDEX
from meguru.prices import Price

TABLE, MODEL = "ledger", "staff-chat"
CALLS_TOKENS = 10
# Ten tokens are 0.10, whichever they are; the budget of 5.00 takes 50 such calls.
PRICES = {MODEL: Price.read({"prompt": 10_000, "completion": 10_000})}
NUM_FITTING = 50
BUDGET = Budget(per_month=5_000_000)


@contextmanager
def ledger_table(folder: Path) -> Iterator[str]:
    """The address of a local cloud that has nothing but the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "Ledger.template.json").write_text(json.dumps({"Resources": {"Table": _table()}}))
    with CloudProcess(folder, port=0, log=folder / "log") as cloud:
        yield cloud.endpoint_url


MANIFEST = {
    "version": "43.0.0",
    "artifacts": {
        "Ledger": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "Ledger.template.json"},
        }
    },
}


def _table() -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": TABLE,
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in (KEY, MONTH)
            ],
            "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": MONTH_INDEX,
                    "KeySchema": [{"AttributeName": MONTH, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }


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
