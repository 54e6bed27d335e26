"""An answer from the cache over the bare route: the same server, with a model that takes no time.

As a program with arguments it is the server: it says its port, and answers until it is ended.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import Row, keep
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.dynamodb_store import KEY
from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.pipeline import Model, Pipeline
from lambdas.answer_request.server import RequestServer
from lambdas.answer_request.single_flight import SingleFlight
from meguru.cache_key import Version
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.records import Inference
from tests.campaigns.cold_requests import TABLE, open_store
from tests.campaigns.one_table import one_table
from tests.valkey_server import valkey_server

# Short turns, so that all meet the same weather.
NUM_WARM_UP, NUM_TURNS, NUM_REQUESTS = 100, 100, 50
VERSION = Version("arn:aws:package/1", "release-1")
BARE, VALKEY, DYNAMODB = "bare", "Valkey", "DynamoDB (the local cloud's)"
# Some 300 tokens of Japanese.
ANSWER = "経費は翌月の五日までに申請してください。" * 15
BODY = {"model": "m", "messages": [{"role": "user", "content": "経費の締め切りはいつですか?"}]}
HEADERS = {
    "content-type": "application/json",
    "x-amzn-request-context": json.dumps({"identity": {"apiKeyId": "k"}, "requestId": "r"}),
}


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {
            BARE: "",
            VALKEY: stack.enter_context(valkey_server()),
            DYNAMODB: stack.enter_context(one_table(folder, TABLE, KEY)),
        }
        routes = {name: stack.enter_context(route(address)) for name, address in addresses.items()}
        for _ in range(NUM_TURNS):
            for one in routes.values():
                one.measure()
    keep("cache", [row for name in (VALKEY, DYNAMODB) for row in rows(name, routes)])


def rows(name: str, routes: dict[str, Route]) -> Iterator[Row]:
    """What a hit adds."""
    hit, bare = routes[name], routes[BARE]
    added = {
        "p50": hit.percentile(50) - bare.percentile(50),
        "p99": hit.percentile(99) - bare.percentile(99),
        "processor time": hit.processor_time - bare.processor_time,
    }
    for what, milliseconds in added.items():
        is_goal = name == VALKEY and what == "p99"
        what = f"a hit in {name} over the bare route, {what}, ms"
        yield Row(what, milliseconds, goal="<= 2" if is_goal else None)


class Route:
    """A server and a connection that stays open."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = psutil.Process(process.pid)
        self._connection = HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._times: list[float] = []
        self._spent = 0.0
        self._ask(NUM_WARM_UP)

    def measure(self) -> None:
        before = self._seconds()
        self._times += self._ask(NUM_REQUESTS)
        self._spent += self._seconds() - before

    def percentile(self, percent: int) -> float:
        """Of the milliseconds that a request took."""
        return sorted(self._times)[len(self._times) * percent // 100]

    @property
    def processor_time(self) -> float:
        """The server's, in milliseconds a request."""
        return self._spent / len(self._times) * 1000

    def _ask(self, number: int) -> list[float]:
        """Milliseconds that each request took."""
        content, taken = json.dumps(BODY).encode(), []
        for _ in range(number):
            begun = time.perf_counter()
            self._connection.request("POST", "/v1/chat/completions", content, HEADERS)
            response = self._connection.getresponse()
            said = json.loads(response.read())
            taken.append((time.perf_counter() - begun) * 1000)
            assert said["choices"][0]["message"]["content"] == ANSWER, said
        return taken

    def _seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


@contextmanager
def route(address: str) -> Iterator[Route]:
    command = [sys.executable, "-m", "benchmarks.cache", "serve", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Route(process, int(process.stdout.readline()))
        finally:
            process.terminate()


class Runtime:
    """A model that takes no time."""

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        message = {"role": "assistant", "content": ANSWER}
        usage = {"prompt_tokens": 20, "completion_tokens": 300, "total_tokens": 320}
        said = {
            "id": "m",
            "object": "chat.completion",
            "created": 1,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        attributes = Answering(VERSION.model).attributes()
        return {"Body": io.BytesIO(json.dumps(said).encode()), "CustomAttributes": attributes}


class NoLog:
    def write(self, inference: Inference, policy: str) -> None:
        """It is the same with and without a cache."""


class OneConsumer:
    def of_key(self, key_id: str) -> Consumer:
        return Consumer(name=key_id)


def serve(address: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    caching = None
    if address:
        flights = SingleFlight(open_store(address, 1, ""), 3600)
        caching = Caching(flights, lambda _: VERSION)
    models = {"m": Model(TextEndpoint(Runtime(), "text"), 4096)}
    pipeline = Pipeline(models=models, log=NoLog(), caching=caching)
    server = RequestServer(("127.0.0.1", 0), pipeline, OneConsumer())
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        main()
