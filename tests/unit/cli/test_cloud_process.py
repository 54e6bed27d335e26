"""A real cloud as a process: it comes up, or says in one line why not, and is gone at the end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cli.cloud_process import CloudFailed, CloudProcess
from cli.synthesis import REPOSITORY

COMMAND = """
import sys
from pathlib import Path
from cli.cloud_process import CloudProcess
from cli.signals import end_on_signals
end_on_signals()
with CloudProcess(Path(sys.argv[1]), port=0, log=Path(sys.argv[2])) as cloud:
    print(cloud.endpoint_url, cloud._process.pid, flush=True)
    cloud.wait()
"""


def ended(pid: int) -> bool:
    """Whether a process is gone within a few seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_leaving_ends_it(assembly: Path, tmp_path: Path) -> None:
    with CloudProcess(assembly, port=0, log=tmp_path / "logs" / "cloud.log") as cloud:
        with urllib.request.urlopen(f"{cloud.endpoint_url}/_localcloud/resources") as answer:
            assert answer.status == 200
        pid = cloud._process.pid
    assert ended(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_command(assembly: Path, tmp_path: Path, number: signal.Signals) -> None:
    log = str(tmp_path / "cloud.log")
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(assembly), log],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    pid = int(command.stdout.readline().split()[1])
    command.send_signal(number)
    assert command.wait(20) == (128 + number if number == signal.SIGTERM else -number)
    command.stdout.close()
    assert ended(pid)


def test_a_signal_that_another_thread_is_given_ends_it_too(assembly: Path, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(assembly), str(tmp_path / "cloud.log")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    pid = int(command.stdout.readline().split()[1])
    other = max(int(task.name) for task in Path(f"/proc/{command.pid}/task").iterdir())
    assert other != command.pid
    assert ctypes.CDLL(None).tgkill(command.pid, other, signal.SIGTERM) == 0
    assert command.wait(20) == 128 + signal.SIGTERM
    command.stdout.close()
    assert ended(pid)


def test_used_port(assembly: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(CloudFailed, match=f"port {port} is in use") as failure,
            CloudProcess(assembly, port=port, log=tmp_path / "cloud.log"),
        ):
            pass
    assert "\n" not in str(failure.value)


def test_missing_assembly(tmp_path: Path) -> None:
    with (
        pytest.raises(CloudFailed, match="nowhere") as failure,
        CloudProcess(tmp_path / "nowhere", port=0, log=tmp_path / "cloud.log"),
    ):
        pass
    assert "\n" not in str(failure.value)
