"""Campaign: the delivery stream and then the queue fail, functions die; each record arrives."""

from __future__ import annotations

import gzip
import json
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from cli.consumers import Consumers
from meguru.names import INFERENCE_LOG_PREFIX
from tests.campaigns.approvals import empty_archive, with_quick_server
from tests.campaigns.faulty_gate import FaultyGate
from tests.campaigns.isolation import Plant, replace_in_functions
from tests.e2e.loop_cloud import MODEL, NO_STORE, LoopCloud, loop_cloud

# What fails, and how: the delivery stream, and at the same time the queue of what is set aside.
OUTAGES = (
    ("refuses", ""),
    ("hangs", ""),
    ("takes every second", "takes every second"),
    ("is slow", ""),
    ("hangs", "hangs"),
    ("takes and does not say so", ""),
    ("refuses", "refuses"),
    ("takes every second", "hangs"),
)
NUM_CALLERS, NUM_WORDS = 3, 12
FUNCTIONS = ("lambdas.deliver_inferences", "lambdas.answer_request")
# Longer than the queue keeps a message from being tried again.
AGAIN_SECONDS = 361
# Who waits for a service that is away waits for longer. A processor is waited for as well, by the
# few who meet a function that has to be started again: so one answer in ten is looked at.
DELAY_SECONDS = 1.0
# A model server that repeats what it is told, word by word.
ECHO_SERVER = '''
"""Says a question's words back, as a stream where one is asked for."""
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = asked["messages"][-1]["content"].split()
        usage = {"prompt_tokens": len(words), "completion_tokens": len(words)}
        usage["total_tokens"] = 2 * len(words)
        if asked.get("stream"):
            self.stream(words, usage)
        else:
            self.complete(" ".join(words), usage)

    def complete(self, text, usage):
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        said = {"object": "chat.completion", "choices": choices, "usage": usage}
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self, words, usage):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in words:
            self.event([{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}])
            time.sleep(0.005)
        self.event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        self.event([], usage=usage)
        self.wfile.write(b"data: [DONE]\\n\\n")

    def event(self, choices, **more):
        said = {"object": "chat.completion.chunk", "choices": choices, **more}
        self.wfile.write(b"data: " + json.dumps(said).encode() + b"\\n\\n")
        self.wfile.flush()


address = (os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
'''
# Each with the number of an outage that shows it.
PLANTED: dict[str, tuple[int, Plant]] = {
    "what is refused is forgotten": (
        2,
        (
            "lambdas/deliver_inferences/delivery_stream.py",
            'if one.get("ErrorCode")]',
            "if not taken]",
        ),
    ),
    "what can't be set aside is forgotten": (
        6,
        (
            "lambdas/deliver_inferences/waiting_lines.py",
            "if number >= sent or message in refused",
            "if message in refused",
        ),
    ),
    "an answer waits for the queue": (
        7,
        (
            "lambdas/answer_request/inference_log.py",
            "        self._send_unsent()\n\n    def",
            '        self._unsent.append("{}")\n        self._send_unsent()\n\n    def',
        ),
    ),
}


@dataclass
class Streams:
    """Answers that were read as streams: the texts of the whole ones, and how long they took."""

    texts: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    num_broken: int = 0


@dataclass
class Outages:
    """Trials in one environment: each is an outage while several callers stream.

    They do for `phase_seconds` before an outage, and while it lasts; records are waited for as long
    as ever new ones arrive within `patience_seconds`.
    """

    cloud: LoopCloud
    firehose: FaultyGate
    queue: FaultyGate
    api_key: str
    phase_seconds: float = 8
    patience_seconds: float = 30
    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    quiet: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    num_answers: int = 0
    num_again: int = 0

    def trial(self, number: int) -> list[str]:
        """What did not hold of an outage, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        quiet = self._stream(f"quiet-{number}")
        faults = OUTAGES[number % len(OUTAGES)]
        self.firehose.fail(faults[0])
        self.queue.fail(faults[1])
        with self._killing(chance):
            outage = self._stream(f"outage-{number}")
        is_noticed = self.firehose.num_failed > 0
        self.firehose.mend()
        self.queue.mend()
        self.quiet += quiet.seconds
        self.during += outage.seconds
        self.num_answers += len(quiet.texts) + len(outage.texts)
        found = [] if is_noticed else ["nothing was sent while the delivery stream failed"]
        found += self._delayed(quiet.seconds, outage.seconds)
        found += self._missing(quiet.texts | outage.texts)
        return [f"{' and '.join(filter(None, faults))}: {said}" for said in found]

    def warm_up(self) -> None:
        """The first to come waits for what is started for it."""
        self._stream("warm")

    def _stream(self, name: str) -> Streams:
        """Ask from several threads for a while."""
        streams, end = Streams(), time.monotonic() + self.phase_seconds

        def ask(caller: int) -> None:
            count = 0
            while time.monotonic() < end:
                words = [f"{name}-{caller}-{count}-{word}" for word in range(NUM_WORDS)]
                self._ask(" ".join(words), streams)
                count += 1

        with ThreadPoolExecutor(NUM_CALLERS) as pool:
            list(pool.map(ask, range(NUM_CALLERS)))
        return streams

    def _ask(self, text: str, streams: Streams) -> None:
        began = time.monotonic()
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": True}
        try:
            answer = requests.post(
                f"{self.cloud.outputs['ApiBase']}/chat/completions",
                json=body,
                headers={"authorization": f"Bearer {self.api_key}", **NO_STORE},
                timeout=60,
            )
        except requests.RequestException:
            streams.num_broken += 1
            return
        if answer.status_code == 200 and answer.content.endswith(b"data: [DONE]\n\n"):
            streams.seconds.append(time.monotonic() - began)
            streams.texts[answer.headers["x-inference-id"]] = text
        else:
            # Its function was killed at its work.
            streams.num_broken += 1

    @contextmanager
    def _killing(self, chance: random.Random) -> Iterator[None]:
        """Processes of functions end at any moment while the context lasts."""
        done = threading.Event()

        def kill() -> None:
            while not done.wait(chance.uniform(1, 3)):
                function = chance.choice(FUNCTIONS)
                running = list(processes_of(function))
                if running:
                    chance.choice(running).kill()
                    self.kills[function] += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            yield
        finally:
            done.set()
            killer.join()

    def _delayed(self, quiet: list[float], outage: list[float]) -> Iterator[str]:
        before, then = ninth_decile(quiet), ninth_decile(outage)
        if then > before + DELAY_SECONDS:
            yield f"one answer in ten takes {then:.2f} s or more, without an outage {before:.2f}"

    def _missing(self, texts: dict[str, str]) -> Iterator[str]:
        """Wait for all that was answered; what has not arrived, or is not as it was answered."""
        missing, deadline = len(texts), time.monotonic() + self.patience_seconds
        while missing and time.monotonic() < deadline:
            self.cloud.account.advance_clock(AGAIN_SECONDS)
            time.sleep(1)
            lines = read_log(self.cloud)
            found = {one["inference_id"]: one for one in lines}
            if (left := len(texts.keys() - found.keys())) < missing:
                missing, deadline = left, time.monotonic() + self.patience_seconds
        self.num_again = len(lines) - len(found)
        if missing:
            yield f"{missing} of {len(texts)} records have not arrived"
        for name in texts.keys() & found.keys():
            if found[name]["answer"].split() != texts[name].split():
                yield f"{name} is {found[name]['answer']!r} for {texts[name]!r}"

    def figures(self) -> dict[str, int]:
        """What the trials came to: milliseconds of answers, and how often there was what."""
        return {
            "answers": self.num_answers,
            "records_twice": self.num_again,
            "processes_killed": self.kills.total(),
            "p50_ms_without": round(1000 * statistics.median(self.quiet)),
            "p50_ms_in_an_outage": round(1000 * statistics.median(self.during)),
            "p90_ms_without": round(1000 * ninth_decile(self.quiet)),
            "p90_ms_in_an_outage": round(1000 * ninth_decile(self.during)),
        }


def ninth_decile(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def processes_of(module: str) -> Iterator[psutil.Process]:
    """Of a function, of those that this process has started."""
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word.startswith(module) for word in process.cmdline()):
                yield process
        except psutil.Error:
            continue  # it has ended


def read_log(cloud: LoopCloud) -> list[dict[str, Any]]:
    s3, bucket = cloud.client("s3"), cloud.outputs["LakeBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{INFERENCE_LOG_PREFIX}dt="
    )
    return [
        json.loads(line)
        for page in pages
        for item in page.get("Contents", [])
        for line in gzip.decompress(
            s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        ).splitlines()
    ]


def behind(assembly: Path, addresses: dict[str, str]) -> None:
    """Have the functions that log call these services at other addresses."""
    changed = 0
    for path in assembly.glob("*.template.json"):
        template = json.loads(path.read_text())
        for resource in template["Resources"].values():
            variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
            if resource["Type"] == "AWS::Lambda::Function" and "INFERENCE_QUEUE" in variables:
                variables |= addresses
                changed += 1
        path.write_text(json.dumps(template))
    assert changed == len(FUNCTIONS), f"{changed} functions log"


@contextmanager
def outages(
    assembly: Path, folder: Path, plant: Plant | None = None, **settings: Any
) -> Iterator[Outages]:
    """An environment whose delivery stream and queue are behind gates, with a model that serves."""
    quick = with_quick_server(assembly, folder, ECHO_SERVER)
    if plant:
        replace_in_functions(quick, *plant)
    with FaultyGate() as firehose, FaultyGate() as queue:
        behind(
            quick, {"AWS_ENDPOINT_URL_FIREHOSE": firehose.url, "AWS_ENDPOINT_URL_SQS": queue.url}
        )
        with loop_cloud(quick, folder / "log") as cloud:
            firehose.target = queue.target = cloud.endpoint_url
            version = cloud.register(cloud.put_model(empty_archive()))
            cloud.decide(version, "Approved")
            cloud.loop.released(version)
            key = Consumers(cloud.account).add("caller")
            trials = Outages(cloud, firehose, queue, key, **settings)
            trials.warm_up()
            yield trials
