"""Callers of a chat API: how long each answer takes them, and what a server spends on it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection

import psutil

# No two questions are the same, in any process.
_numbers = itertools.count()


def question(model: str, max_tokens: int, *, streams: bool) -> bytes:
    """A request that nobody has asked before, so that no cache has its answer."""
    text = f"経費の締め切りはいつですか? {os.getpid()}-{next(_numbers)}"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "stream": streams,
    }
    return json.dumps(body, ensure_ascii=False).encode()


@dataclass
class Figures:
    """What a subject's answers took: milliseconds each, and processor seconds in all."""

    times: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, percent: int) -> float:
        return sorted(self.times)[len(self.times) * percent // 100]

    @property
    def requests_per_second(self) -> float:
        """Of the processor's, not of the clock's."""
        return len(self.times) / self.seconds


@dataclass
class Subject:
    """A server at a port; its processor time is that of `processes` and all that they started."""

    port: int
    headers: Mapping[str, str]
    model: str
    processes: tuple[int, ...] = ()
    path: str = "/v1/chat/completions"
    max_tokens: int = 64

    def ask(self, number: int, callers: int, *, streams: bool, settle: float = 0) -> Figures:
        """Each caller asks `number` questions, one after the other, over one connection.

        What a server still does in the `settle` seconds after the last answer counts too.
        """
        figures = Figures()
        threads = [
            threading.Thread(target=self._call, args=(number, streams, figures.times))
            for _ in range(callers)
        ]
        before = self._spent()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(settle)
        figures.seconds = self._spent() - before
        if len(figures.times) < number * callers:
            raise RuntimeError(f"the server at port {self.port} did not answer all questions")
        return figures

    def _call(self, number: int, streams: bool, times: list[float]) -> None:
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"content-type": "application/json", **self.headers}
        for _ in range(number):
            content = question(self.model, self.max_tokens, streams=streams)
            begun = time.perf_counter()
            connection.request("POST", self.path, content, headers)
            response = connection.getresponse()
            said = response.read()
            taken = (time.perf_counter() - begun) * 1000
            if response.status != 200 or b"choices" not in said:
                raise RuntimeError(f"{response.status}: {said[:300]!r}")
            times.append(taken)
        connection.close()

    def _spent(self) -> float:
        return sum(map(processor_seconds, self.processes))


def processor_seconds(pid: int) -> float:
    """Of a process and all that it started, while they live."""
    spent = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent
