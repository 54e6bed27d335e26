"""The hosts of a job: their addresses, their folders, and the processes on them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.account import Account
from localcloud.processes import Process
from localcloud.sagemaker.container import Container
from localcloud.sagemaker.logs import LogStream

_FAILURE_CHARACTERS = 1024
# As many as a /24 has addresses for.
MAX_HOSTS = 250


@dataclass(frozen=True)
class Host:
    """One machine of a job: a loopback address of its own, and its /opt/ml."""

    address: str
    index: int
    instance_type: str
    group: str
    opt_ml: Path


class Addresses:
    """Gives each attempt of a job a /24 of 127.0.0.0/8, so that equal ports never meet.

    It begins at a place of this process's own, for clouds that run side by side.
    """

    def __init__(self) -> None:
        self._subnets = itertools.count(os.getpid() * 37)
        self._lock = threading.Lock()

    def take(self, count: int) -> list[str]:
        if count > MAX_HOSTS:
            raise ValueError(f"{count} hosts are too many for one machine: ask for fewer")
        with self._lock:
            subnet = next(self._subnets) % (250 * 256)
        return [f"127.{1 + subnet // 256}.{subnet % 256}.{host}" for host in range(1, count + 1)]


def write_resource_config(host: Host, hosts: Sequence[Host], path: Path) -> None:
    """`resourceconfig.json` as the container of `host` sees it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in hosts:
        groups.setdefault((each.group, each.instance_type), []).append(each.address)
    config = {
        "current_host": host.address,
        "current_instance_type": host.instance_type,
        "current_group_name": host.group,
        "hosts": [each.address for each in hosts],
        "instance_groups": [
            {"instance_group_name": group, "instance_type": instance_type, "hosts": addresses}
            for (group, instance_type), addresses in groups.items()
        ],
        "network_interface_name": "lo",
    }
    write_json(path, config)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")


class HostProcesses:
    """One container process a host, ended together: a job lives and dies as a whole."""

    def __init__(self, account: Account, log_group: str, log_prefix: str, role_arn: str) -> None:
        self._account = account
        self._log_names = (log_group, log_prefix, role_arn)
        self._processes: list[Process] = []
        self._streams: list[LogStream] = []

    def start(
        self, containers: Sequence[Container], each_line: Callable[[str], None] | None = None
    ) -> None:
        group, prefix, role_arn = self._log_names
        started = int(self._account.clock.time() * 1000)
        for number, container in enumerate(containers, 1):
            process = container.start(self._account)
            self._processes.append(process)
            name = f"{prefix}/algo-{number}-{started}"
            stream = LogStream(self._account, group, name, role_arn, "SageMaker")
            self._streams.append(stream)
            assert process.stdout is not None
            stream.follow(process.stdout, each_line)

    def exit_codes(self) -> list[int | None]:
        """One a host, None while it runs; 128 + n for a process that signal n has ended."""
        codes = [process.poll() for process in self._processes]
        return [128 - code if code is not None and code < 0 else code for code in codes]

    def drain(self) -> None:
        """Wait until everything that ended processes have written was read."""
        for process, stream in zip(self._processes, self._streams, strict=True):
            if process.poll() is not None:
                self._account.processes.end(process)
                stream.drain()

    def tail(self, index: int) -> str:
        return self._streams[index].tail()

    def end(self, grace_seconds: float = 0.0) -> None:
        """SIGTERM every host at once, SIGKILL what is left after the notice."""
        if grace_seconds > 0:
            for process in self._processes:
                self._account.processes.signal(process, signal.SIGTERM)
            deadline = time.monotonic() + grace_seconds
            while None in self.exit_codes() and time.monotonic() < deadline:
                time.sleep(0.02)
        for process in self._processes:
            self._account.processes.end(process)
        for stream in self._streams:
            stream.close()
        self._processes, self._streams = [], []


def failure_message(opt_ml: Path, file_name: str = "output/failure") -> str:
    """What a container wrote about its failure, as much of it as AWS keeps."""
    path = opt_ml / file_name
    if not path.is_file():
        return ""
    return path.read_bytes()[: _FAILURE_CHARACTERS * 4].decode("utf-8", "replace")[
        :_FAILURE_CHARACTERS
    ]


def remove_layout(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
