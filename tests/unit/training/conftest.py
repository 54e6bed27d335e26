"""Tiny datasets and training jobs, run in forked processes or by the real entrypoint."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from training.distributed import join_world
from training.job import Job
from training.worker import StopSignal, run

TINY = {
    "vocab_size": "320",
    "hidden_size": "32",
    "intermediate_size": "64",
    "num_hidden_layers": "2",
    "num_attention_heads": "2",
    "max_position_embeddings": "128",
    "max_steps": "40",
    "batch_size": "8",
    "dropout": "0.2",
    "checkpoint_steps": "5",
    "logging_steps": "1",
}
REPOSITORY = Path(__file__).parents[3]


def make_rows(num_groups: int = 8) -> list[dict[str, Any]]:
    """Two phrasings each, one more held out, in Japanese and English in turn."""
    phrasings = {
        "ja": ("{}の締切は?", "{}はいつまでですか", "{}の期限を教えてください"),
        "en": ("When is {} due?", "What is the deadline for {}?", "By when must I send {}?"),
    }
    rows = []
    for group in range(num_groups):
        language = ("ja", "en")[group % 2]
        for index, phrasing in enumerate(phrasings[language]):
            rows.append(
                {
                    "record_id": f"{group}-{index}",
                    "question": phrasing.format(
                        f"様式{group}" if language == "ja" else f"form {group}"
                    ),
                    "answer": f"{group + 1}日です" if language == "ja" else f"On day {group + 1}.",
                    "group_id": str(group),
                    "language": language,
                    "split": "held_out" if index == 2 else "train",
                    "weight": 1,
                }
            )
    return rows


def write_dataset(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A dataset version's folder as curation writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "shard-00000.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {"path": path.name, "sha256": digest, "rows": len(rows)}
    manifest = {"name": "faq", "shards": [shard], "counts": {"rows": len(rows)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _rank(root: Path, rank: int, world_size: int, port: int, prepare: Callable[[], None]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    prepare()
    stop_requested = StopSignal()
    with join_world() as world:
        run(Job(root, "test"), world, stop_requested)
        world.gather(None)


def _nothing() -> None:
    pass


@dataclass
class TrainingJob:
    """A job's /opt/ml under `root`."""

    root: Path
    hyperparameters: dict[str, str] = field(default_factory=lambda: dict(TINY))

    def __post_init__(self) -> None:
        self.write()
        (self.root / "checkpoints").mkdir(exist_ok=True)
        if not (self.root / "input" / "data" / "dataset").exists():
            write_dataset(self.root / "input" / "data" / "dataset", make_rows())

    def write(self) -> None:
        config = self.root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))

    def fork(
        self, world_size: int = 1, prepare: Callable[[], None] = _nothing
    ) -> list[multiprocessing.process.BaseProcess]:
        """Start the job's processes as forks of this one: no seconds of imports."""
        context, port = multiprocessing.get_context("fork"), free_port()
        processes = [
            context.Process(target=_rank, args=(self.root, rank, world_size, port, prepare))
            for rank in range(world_size)
        ]
        for process in processes:
            process.start()
        return list(processes)

    def train(self, world_size: int = 1, prepare: Callable[[], None] = _nothing) -> list[int]:
        """Run to the end; the exit statuses."""
        processes = self.fork(world_size, prepare)
        for process in processes:
            process.join()
        return [process.exitcode or 0 for process in processes]

    def weights(self) -> bytes:
        return (self.root / "model" / "model.safetensors").read_bytes()

    def facts(self) -> dict[str, Any]:
        facts = json.loads((self.root / "model" / "training.json").read_text())
        assert isinstance(facts, dict)
        return facts

    def curve(self) -> list[dict[str, Any]]:
        lines = (self.root / "output" / "data" / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def wait_for_checkpoint(self, step: int) -> None:
        """Until a checkpoint of at least `step` is complete."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for manifest in (self.root / "checkpoints").glob("step-*/manifest.json"):
                if int(manifest.parent.name.removeprefix("step-")) >= step:
                    return
            time.sleep(0.005)
        raise AssertionError(f"no checkpoint of step {step} in 60 seconds")


class Host:
    """One host of a job, run by the real entrypoint in a process group of its own."""

    def __init__(self, job: TrainingJob, hosts: list[str], current: str, name: str) -> None:
        config = job.root / "input" / "config" / "resourceconfig.json"
        values = {"current_host": current, "hosts": hosts, "network_interface_name": "lo"}
        config.write_text(json.dumps(values))
        self.job = job
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "SAGEMAKER_BASE_DIR": str(job.root),
                "TRAINING_JOB_NAME": name,
                "SOURCE_COMMIT": "abc123",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def read_until(self, text: str) -> None:
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} never came; the log was:\n{''.join(seen)}")

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        self.process.communicate(timeout=90)
        return self.process.returncode


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., TrainingJob]:
    """Make a tiny job: `make_job("name", max_steps="3")`."""

    def make(name: str = "job", **hyperparameters: str) -> TrainingJob:
        return TrainingJob(tmp_path / name, {**TINY, **hyperparameters})

    return make


@pytest.fixture
def start_host() -> Iterator[Callable[..., Host]]:
    """Start a host by the real entrypoint; none is left behind."""
    hosts: list[Host] = []

    def start(job: TrainingJob, all_hosts: list[str], current: str, name: str) -> Host:
        hosts.append(Host(job, all_hosts, current, name))
        return hosts[-1]

    yield start
    for host in hosts:
        if host.process.poll() is None:
            host.signal(signal.SIGKILL)
            host.process.wait()
