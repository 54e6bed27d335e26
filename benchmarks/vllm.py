"""vLLM behind our entrypoint beside bare `vllm serve`: the same model, options and requests.

It takes an interpreter that has vLLM, named by VLLM_PYTHON; without one nothing is measured.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx2

from benchmarks.measuring import Row, interleaved, keep
from benchmarks.text_container import QUESTIONS, make_loaded
from cli.synthesis import REPOSITORY
from inference_containers.text.vllm import SERVER
from inference_containers.text.vllm_options import OPTIONS

ROUNDS = 3
CONCURRENCY = (1, 8, 32)
NUM_TOKENS = 64
SECONDS_TO_START = 600
SHAPE, NAME = "20M", "model"
# What a GPU has no need of.
ON_CPU = {"dtype": "float32", "enforce-eager": "true"}


def main() -> None:
    python = os.environ.get("VLLM_PYTHON")
    if not python:
        print("not measured: VLLM_PYTHON names no interpreter that has vLLM")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name) / "model"
        make_loaded(folder, SHAPE)
        clients = {
            "ours": servers.enter_context(served(our_entrypoint, Path(name))),
            "peer": servers.enter_context(served(bare, folder)),
        }
        rows = [measure(clients, number) for number in CONCURRENCY]
    keep("vllm", rows)


def our_entrypoint(base_dir: Path, port: int) -> subprocess.Popen[bytes]:
    given = {f"SM_VLLM_{name.upper().replace('-', '_')}": value for name, value in ON_CPU.items()}
    place = {"SAGEMAKER_BASE_DIR": str(base_dir), "SAGEMAKER_BIND_TO_PORT": str(port)}
    host = {"SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "MODEL_NAME": NAME, "MODEL_VERSION": "arn:1"}
    return start([sys.executable, "-m", "inference_containers.text.vllm"], given | place | host)


def bare(folder: Path, port: int) -> subprocess.Popen[bytes]:
    options = {**OPTIONS, **ON_CPU, "model": str(folder), "served-model-name": NAME}
    options |= {"host": "127.0.0.1", "port": str(port)}
    words = [
        word
        for name, value in options.items()
        for word in (f"--{name}", *([] if value == "true" else [value]))
    ]
    return start([os.environ["VLLM_PYTHON"], "-m", SERVER, *words], {})


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def served(
    begin: Callable[[Path, int], subprocess.Popen[bytes]], folder: Path
) -> Iterator[httpx2.Client]:
    """A client of a server that answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    server = begin(folder, port)
    try:
        limits = httpx2.Limits(max_connections=max(CONCURRENCY))
        address = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=address, timeout=300, limits=limits) as client:
            wait_until_it_answers(client, server)
            yield client
    finally:
        server.terminate()
        server.wait()


def wait_until_it_answers(client: httpx2.Client, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if client.get("/ping").is_success:
                ask(client, 0)
                return
        except httpx2.TransportError:
            time.sleep(0.5)
    raise RuntimeError(f"{server.args!r} never became ready")


def measure(clients: dict[str, httpx2.Client], num_requests: int) -> Row:
    seconds = interleaved(
        {name: partial(answered, client, num_requests) for name, client in clients.items()}, ROUNDS
    )
    return Row(
        f"{SHAPE}, {num_requests} concurrent requests, tokens/s",
        num_requests * NUM_TOKENS / seconds["ours"],
        num_requests * NUM_TOKENS / seconds["peer"],
        "bare vllm serve",
        ">= 0.97",
    )


def answered(client: httpx2.Client, num_requests: int) -> float:
    """Seconds until all requests are answered, which are sent at once."""
    started = time.perf_counter()
    with ThreadPoolExecutor(num_requests) as pool:
        list(pool.map(lambda number: ask(client, number), range(num_requests)))
    return time.perf_counter() - started


def ask(client: httpx2.Client, number: int) -> None:
    question = QUESTIONS[number % len(QUESTIONS)]
    body = {
        "model": NAME,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": NUM_TOKENS,
        "temperature": 0,
        "ignore_eos": True,
    }
    answer = client.post("/invocations", json=body)
    answer.raise_for_status()
    num_tokens = answer.json()["usage"]["completion_tokens"]
    if num_tokens != NUM_TOKENS:
        raise RuntimeError(f"{num_tokens} tokens were answered, not {NUM_TOKENS}")


if __name__ == "__main__":
    main()
