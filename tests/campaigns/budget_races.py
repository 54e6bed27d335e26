"""A thousand calls at once against a budget of fifty: never one more, and never one less.

As a program it is one of the processes that call: it reads a round a line, and answers each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from meguru.api_errors import ApiError
from meguru.billing import Budget
from meguru.consumer import Consumer
from meguru.ledger_book import account_book, consumer_book
from meguru.quota import QuotaExceeded
from tests.campaigns.ledger_table import (
    BUDGET,
    CALLS_TOKENS,
    MODEL,
    NUM_FITTING,
    dynamodb,
    open_ledger,
    plant,
)

TOKYO = ZoneInfo("Asia/Tokyo")
LIMIT_TOKENS = NUM_FITTING * CALLS_TOKENS
# Who share the account's budget: of one alone, a thousand reservations would stand in one book.
NUM_CONSUMERS = 20


class BudgetRaces:
    """Rounds of calls from several processes; each has a month of its own, and new consumers."""

    def __init__(
        self, endpoint_url: str, *, num_processes: int = 4, num_threads: int = 250, fault: str = ""
    ) -> None:
        self._ledger = open_ledger(dynamodb(endpoint_url), BUDGET, lambda: 0)
        words = [sys.executable, "-m", "tests.campaigns.budget_races"]
        self._words = [*words, endpoint_url, str(num_threads), fault]
        self._num_processes = num_processes
        self._processes: list[subprocess.Popen[str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for _ in range(self._num_processes):
            process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._stack.callback(process.wait)
            self._stack.callback(process.kill)
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trial(self, number: int) -> list[str]:
        """What was wrong in a round: of the account's budget, a consumer's, or two months."""
        first = datetime(2030 + number // 12, number % 12 + 1, 1, tzinfo=TOKYO)
        kind = ("account", "consumer", "boundary")[number % 3]
        moments = [first.isoformat()] * self._num_processes
        if kind == "boundary":
            # Years away from the others' months.
            first = first.replace(year=first.year + 50)
            eve = (first - timedelta(seconds=1)).isoformat()
            moments = [eve, first.isoformat()] * (self._num_processes // 2)
        admitted: dict[str, int] = {}
        for moment, answer in zip(moments, self._call(number, kind, moments), strict=True):
            admitted[moment] = admitted.get(moment, 0) + answer["admitted"]
            if answer["errors"]:
                return [f"{kind}: {answer['errors'][0]}"]
        callers = [consumer_of(number, kind, one) for one in range(NUM_CONSUMERS)]
        return [
            f"{kind}: {said}"
            for moment, number_admitted in admitted.items()
            for said in self._faults(set(callers), moment[:7], number_admitted)
        ]

    def _call(self, number: int, kind: str, moments: list[str]) -> list[dict[str, Any]]:
        for process, moment in zip(self._processes, moments, strict=True):
            line = {"round": number, "kind": kind, "moment": moment}
            assert process.stdin is not None
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        answers = []
        for process in self._processes:
            assert process.stdout is not None
            answers.append(json.loads(process.stdout.readline()))
        return answers

    def _faults(self, consumers: set[str], month: str, num_admitted: int) -> list[str]:
        books = [self._ledger.read(consumer_book(one, month)) for one in consumers]
        account = self._ledger.read(account_book(month))
        found = {
            "admitted": num_admitted,
            "open": sum(len(book.open) for book in books),
            "calls in the consumers' totals": sum(one.number("tokens") for one in books)
            / CALLS_TOKENS,
            "calls in the account's total": account.number("amount") / 100_000,
        }
        return [f"{name}: {n}, not {NUM_FITTING}" for name, n in found.items() if n != NUM_FITTING]


def consumer_of(round_number: int, kind: str, call: int) -> str:
    """Who makes a call of a round: the one whose budget it is, or one of those who share it."""
    return f"app-{round_number}-{0 if kind == 'consumer' else call % NUM_CONSUMERS}"


def main(endpoint_url: str, num_threads: int, fault: str) -> None:
    plant(fault)
    client = dynamodb(endpoint_url, num_threads)
    with ThreadPoolExecutor(num_threads) as pool:
        for line in sys.stdin:
            one = json.loads(line)
            now = datetime.fromisoformat(one["moment"])
            of_account = one["kind"] != "consumer"
            ledger = open_ledger(client, BUDGET if of_account else Budget(), now.timestamp)
            limits: dict[str, Any] = {} if of_account else {"tokens_per_month": LIMIT_TOKENS}

            def call(number: int, ledger: Any = ledger, of: Any = one, limits: Any = limits) -> str:
                caller = Consumer(name=consumer_of(of["round"], of["kind"], number), **limits)
                try:
                    ledger.reserve(f"{os.getpid()}-{number}", caller, CALLS_TOKENS, MODEL)
                except QuotaExceeded:
                    return "refused"
                except ApiError as error:
                    return str(error)
                return "admitted"

            answers = list(pool.map(call, range(num_threads)))
            errors = [one for one in answers if one not in ("refused", "admitted")]
            said = {"admitted": answers.count("admitted"), "errors": errors}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
