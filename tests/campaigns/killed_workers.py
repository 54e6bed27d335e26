"""Workers killed at any moment: the ledger comes to what their model has really used."""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from meguru.billing import Budget
from meguru.consumer import Consumer
from meguru.endpoint_logs import EndpointLogs
from meguru.ledger import LIFETIME_SECONDS, Ledger, Reservation
from meguru.ledger_book import Book, Opened, Used, account_book, month_of_book
from meguru.model_version import ATTRIBUTES_HEADER
from meguru.usage_report import UsageReport, request_attributes, reservation_of, started_line
from tests.campaigns.ledger_table import MODEL, PRICES, dynamodb, open_ledger

BOUND, MAX_TOKENS, SECONDS_A_TOKEN = 400, 60, 0.001
# From before a reservation until after it is settled.
LONGEST_LIFE_SECONDS = 0.15


class ModelServer(ThreadingHTTPServer):
    """Generates for a request as long as its caller is there, and keeps its log, as ours does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Generation)
        self.log: list[str] = []
        self.num_running = 0
        self.lock = threading.Lock()

    def wait_until_idle(self) -> None:
        while self.num_running:
            time.sleep(0.01)


class Generation(BaseHTTPRequestHandler):
    """One answer: a line for each token, and in the end a line in the log, however it ends."""

    server: ModelServer

    def do_POST(self) -> None:
        reservation = reservation_of(self.headers[ATTRIBUTES_HEADER])
        assert reservation is not None
        prompt_tokens, wanted = map(int, self.headers["tokens"].split())
        num_tokens = 0
        with self.server.lock:
            self.server.log.append(started_line(reservation))
            self.server.num_running += 1
        try:
            self.send_response_only(200)
            self.end_headers()
            while num_tokens < wanted:
                time.sleep(SECONDS_A_TOKEN)
                num_tokens += 1
                self.wfile.write(b"token\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self.server.lock:
                self.server.log.append(UsageReport(reservation, prompt_tokens, num_tokens).line())
                self.server.num_running -= 1

    def log_message(self, format: str, *args: object) -> None:
        """Its log is of what was used."""


class LogGroup:
    """The server's log as CloudWatch Logs finds lines in it."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def get_paginator(self, operation: str) -> Self:
        assert operation == "filter_log_events"
        return self

    def paginate(self, *, filterPattern: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        text = filterPattern.strip('"')
        for line in self._lines:
            yield {"events": [{"message": line}] if text in line else []}


class KilledWorkers:
    """Workers one after another, each a process; all killed but some that have ended before."""

    def __init__(self, endpoint_url: str, consumer: str, seed: int = 0) -> None:
        self._endpoint_url, self._caller = endpoint_url, Consumer(name=consumer)
        self._random = random.Random(seed)
        self._server = ModelServer()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        # Made once, and connected by each worker for itself: a client takes longer than its life.
        self._unused = self._ledger()
        self.ends: Counter[str] = Counter()

    def run(self, num_workers: int) -> list[str]:
        """What doesn't add up after so many workers, their reports, and the end of all time."""
        for number in range(num_workers):
            self._run_worker(f"worker-{number}")
        self._server.wait_until_idle()
        self._server.shutdown()
        ledger = self._ledger()
        key = ledger.reserve("last", self._caller, 1, MODEL).book
        self._hear_of_usage(ledger, key)
        account = account_book(month_of_book(key))
        later = self._ledger(LIFETIME_SECONDS + 1)
        self.ends["settled in the end"] = later.settle_expired(later.read(key), self._heard)
        return self._faults(later.read(key), later.read(account))

    def _heard(self, book: str, opened: Opened) -> tuple[int, int] | None:
        logs = EndpointLogs(LogGroup(self._server.log), {MODEL: "group"})
        return logs.usage(book, opened)

    def _ledger(self, seconds_later: float = 0) -> Ledger:
        client = dynamodb(self._endpoint_url)
        return open_ledger(client, Budget(), lambda: time.time() + seconds_later)

    def _run_worker(self, name: str) -> None:
        prompt_tokens, tokens = self._random.randint(1, 200), self._random.randint(1, MAX_TOKENS)
        lifetime = self._random.uniform(0, LONGEST_LIFE_SECONDS)
        ready, begun = os.pipe()
        worker = os.fork()
        if worker == 0:
            try:
                self._work(name, prompt_tokens, tokens, begun)
            finally:
                os._exit(0)
        os.close(begun)
        os.read(ready, 1)
        os.close(ready)
        time.sleep(lifetime)
        os.kill(worker, signal.SIGKILL)
        _, status = os.waitpid(worker, 0)
        self.ends["killed" if os.WIFSIGNALED(status) else "ended"] += 1

    def _work(self, name: str, prompt_tokens: int, tokens: int, begun: int) -> None:
        """What a worker does between a request and its end."""
        ledger = self._unused
        os.write(begun, b".")
        reservation = ledger.reserve(name, self._caller, BOUND, MODEL)
        connection = http.client.HTTPConnection("127.0.0.1", self._server.server_port)
        attributes = request_attributes(reservation.book, name)
        headers = {ATTRIBUTES_HEADER: attributes, "tokens": f"{prompt_tokens} {tokens}"}
        connection.request("POST", "/invocations", b"", headers)
        num_tokens = sum(1 for _ in connection.getresponse())
        ledger.settle(reservation, prompt_tokens, num_tokens)

    def _hear_of_usage(self, ledger: Ledger, book: str) -> None:
        """The log as it is delivered: in batches, and to two functions at once."""
        reports = [report for line in self._server.log if (report := UsageReport.read(line))]
        tokens = {one.reservation_id: (one.prompt_tokens, one.completion_tokens) for one in reports}
        read_by_the_other = ledger.read(book)
        for first in range(0, len(tokens), 10):
            batch = dict(list(tokens.items())[first : first + 10])
            self.ends["settled by the log"] += ledger.settle_reported(book, batch)
        for one in read_by_the_other.open:
            if one.id in tokens:
                ledger.settle(Reservation(book, one), *tokens[one.id])

    def _faults(self, book: Book, account: Book) -> list[str]:
        used = sum((one for _, _, one in book.used()), Used())
        reports = [report for line in self._server.log if (report := UsageReport.read(line))]
        prompt = sum(one.prompt_tokens for one in reports)
        completion = sum(one.completion_tokens for one in reports)
        price = PRICES[MODEL]
        amount = sum(price.of(one.prompt_tokens, one.completion_tokens) for one in reports)
        expected = {
            "prompt tokens": (used.prompt_tokens, prompt),
            "completion tokens": (used.completion_tokens, completion),
            "unconfirmed tokens": (used.unconfirmed_tokens, 0),
            "total": (book.number("tokens"), prompt + completion),
            "account": (account.number("tokens"), prompt + completion),
            "amount": (used.amount, amount),
            "account's amount": (account.number("amount"), amount),
            "open": (len(book.open), 0),
        }
        return [f"{name}: {a}, not {b}" for name, (a, b) in expected.items() if a != b]
