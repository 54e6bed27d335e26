"""The same cold request from several processes at once, while who answers it is killed.

As a program it is one of the processes: it reads the name of a round a line, asks with all its
threads, and says what they were given.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION
from lambdas.answer_request.answer import Answer
from lambdas.answer_request.cache_store import CacheStore, Entry
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.dynamodb_store import DynamoDbStore
from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.pipeline import Model, Pipeline
from lambdas.answer_request.single_flight import SingleFlight
from lambdas.answer_request.valkey_connection import ValkeyConnections
from lambdas.answer_request.valkey_store import ValkeyStore
from meguru.cache_key import Version
from meguru.chat_request import ChatRequest
from meguru.consumer import Consumer
from meguru.model_version import Answering
from meguru.records import Inference

TABLE = "answers"
VERSION = Version("arn:aws:package/1", "release-1")
GENERATION_SECONDS, NEVER_SECONDS = 0.3, 600.0


class ColdRequests:
    """Each trial is a request that nobody has asked; `address` is of a Valkey, or a local cloud."""

    def __init__(
        self, address: str, folder: Path, *, num_requests: int, seed: int, fault: str = ""
    ) -> None:
        self._address, self._fault = address, fault
        self._done = folder / f"generations-{uuid.uuid4().hex}"
        self._num_requests, self._random = num_requests, random.Random(seed)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        num_threads = self._num_requests // 4
        self._asking = [self._start(num_threads, GENERATION_SECONDS) for _ in range(4)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trial(self, number: int) -> list[str]:
        """What was wrong with the answers, after the first to be asked was killed at its work."""
        leader = self._start(1, NEVER_SECONDS)
        _tell(leader, str(number))
        # It says so when its model works.
        assert leader.stdout is not None and leader.stdout.readline() == "begun\n"
        for process in self._asking:
            _tell(process, str(number))
        time.sleep(self._random.uniform(0, 1))
        leader.kill()
        given = [text for process in self._asking for text in _answers(process)]
        done = [line for line in self._done.read_text().splitlines() if line == str(number)]
        faults = [] if len(done) == 1 else [f"{len(done)} generations"]
        if len(given) != self._num_requests or len(set(given)) != 1:
            faults.append(f"{len(given)} answers, of which {len(set(given))} differ")
        return faults

    def _start(self, num_threads: int, seconds: float) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.campaigns.cold_requests", self._address]
        words += [str(self._done), str(num_threads), str(seconds), self._fault]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _answers(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    while line == "begun\n":
        line = process.stdout.readline()
    answers: list[str] = json.loads(line)
    return answers


class Runtime:
    """A model that takes its time, and never says the same twice."""

    def __init__(self, done: Path, seconds: float) -> None:
        self._done, self._seconds = done, seconds

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        round_name = json.loads(request["Body"])["messages"][0]["content"]
        # In one piece: others print as well.
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        time.sleep(self._seconds)
        with self._done.open("a") as file:
            file.write(round_name + "\n")
        message = {"role": "assistant", "content": uuid.uuid4().hex}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        said = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
        attributes = Answering(VERSION.model).attributes()
        return {"Body": io.BytesIO(json.dumps(said).encode()), "CustomAttributes": attributes}


class NoLog:
    def write(self, inference: Inference, policy: str) -> None:
        """Answers are looked at where they are given."""


class EveryoneLeads(ValkeyStore):
    """A planted fault: nobody asks whether another does."""

    def lead(self, key: str, leader: str, seconds: float) -> Entry:
        return Entry(leader=leader)


class LosesAnswers(ValkeyStore):
    """A planted fault."""

    def put(self, key: str, answer: str, seconds: int) -> None:
        self._connections.ask("FLUSHALL")


PLANTED = {"everyone leads": EveryoneLeads, "answers are lost": LosesAnswers}


def open_store(address: str, num_threads: int, fault: str) -> CacheStore:
    if not address.startswith("http"):
        return PLANTED.get(fault, ValkeyStore)(ValkeyConnections(address))
    # The local cloud is slower than DynamoDB: it is waited for.
    config = Config(max_pool_connections=num_threads + 1, read_timeout=60)
    session = boto3.Session(
        aws_access_key_id=LOCAL_CREDENTIALS["access_key_id"],
        aws_secret_access_key=LOCAL_CREDENTIALS["secret_access_key"],
        region_name=LOCAL_REGION,
    )
    return DynamoDbStore(session.client("dynamodb", endpoint_url=address, config=config), TABLE)


def main(address: str, done: str, num_threads: int, seconds: float, fault: str) -> None:
    model = Model(TextEndpoint(Runtime(Path(done), seconds), "text"), 512)
    flights = SingleFlight(open_store(address, num_threads, fault), 300)
    caching = Caching(flights, lambda _: VERSION)
    pipeline = Pipeline(models={"m": model}, log=NoLog(), caching=caching)

    def ask(name: str) -> str:
        body = {"model": "m", "messages": [{"role": "user", "content": name}]}
        request = ChatRequest.parse(json.dumps(body).encode())
        completion = pipeline.complete(Answer(request, Consumer(name="app")))
        return str(completion["choices"][0]["message"]["content"])

    with ThreadPoolExecutor(num_threads) as pool:
        for line in sys.stdin:
            print(json.dumps(list(pool.map(ask, [line.strip()] * num_threads))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
