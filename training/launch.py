"""The entrypoint of every host: starts torchrun, hands SIGTERM on, and reports how it ended."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from meguru.accelerator import num_gpus
from meguru.hyperparameters import Hyperparameters
from training.job import Job, Resources
from training.start_worker import LAUNCHER

STOPPED_STATUS = 128 + signal.SIGTERM
# SageMaker gives 120 s between SIGTERM and SIGKILL: workers get most of it for their checkpoint.
SHUTDOWN_TIMEOUT_SECONDS = 110
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def has_efa() -> bool:
    """Whether the host has an Elastic Fabric Adapter."""
    return Path("/sys/class/infiniband").is_dir() and num_gpus() > 0


def master_port(job_name: str) -> int:
    """The same on every host, below the ephemeral ports, different for jobs on one machine."""
    return 10_000 + zlib.crc32(job_name.encode()) % 20_000


def torchrun_command(
    job: Job, resources: Resources, settings: Hyperparameters, folder: Path
) -> list[str]:
    """torchrun for this host: static rendezvous at the first host, no restarts."""
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nnodes={len(resources.hosts)}",
        f"--node-rank={resources.node_rank}",
        f"--nproc-per-node={settings.processes_per_host or num_gpus() or 1}",
        "--rdzv-backend=static",
        f"--rdzv-endpoint={resources.master}:{master_port(job.name)}",
        f"--rdzv-id={job.name}",
        f"--local-addr={resources.current_host}",
        "--max-restarts=0",
        f"--shutdown-timeout={SHUTDOWN_TIMEOUT_SECONDS}",
        f"--log-dir={folder / 'log'}",
        "--module",
        "training.start_worker",
        str(folder / "outcome"),
    ]


def worker_environment(
    environment: Mapping[str, str], resources: Resources, settings: Hyperparameters
) -> dict[str, str]:
    """What gloo, NCCL, EFA and torch read from the environment."""
    values = {
        **environment,
        "OMP_NUM_THREADS": str(settings.num_threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS adds in a fixed order only with this
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        LAUNCHER: str(os.getpid()),
    }
    if resources.network_interface_name:
        values["GLOO_SOCKET_IFNAME"] = resources.network_interface_name
        values["NCCL_SOCKET_IFNAME"] = resources.network_interface_name
    if has_efa():
        values |= {"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": "1", "NCCL_PROTO": "simple"}
    return values


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Torchrun:
    """The torchrun process of this host, in a session of its own.

    Of its own, because a SIGTERM to this host's whole process group would reach torchrun twice,
    and the second one makes it drop its workers before they have saved.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.stop_requested = False
        self._process: subprocess.Popen[bytes] | None = None
        signal.signal(signal.SIGTERM, self._forward)
        self._process = subprocess.Popen(
            command, env=environment, start_new_session=True, preexec_fn=_die_with_parent
        )
        if self.stop_requested:
            self._process.terminate()

    def _forward(self, number: int, frame: object) -> None:
        first, self.stop_requested = not self.stop_requested, True
        if first and self._process:
            self._process.terminate()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait()


def failure_reason(log: Path, status: int) -> str:
    """The first error that a worker recorded (torch.distributed.elastic's error files)."""
    messages = []
    for path in log.rglob("error.json"):
        content = json.loads(path.read_text(encoding="utf-8"))["message"]
        message = content if isinstance(content, dict) else {"message": content}
        extra = message.get("extraInfo", {})
        messages.append((int(extra.get("timestamp", 0)), str(message["message"])))
    if messages:
        return min(messages)[1]
    return f"torchrun ended with status {status}; a worker was killed or the job's log says why"


def fail(job: Job, reason: str) -> int:
    """Write SageMaker's failure file, whose first 1024 characters become the FailureReason."""
    job.failure.parent.mkdir(parents=True, exist_ok=True)
    job.failure.write_text(reason, encoding="utf-8")
    print(f"training failed: {reason}", file=sys.stderr, flush=True)
    return 1


def train(job: Job, folder: Path) -> int:
    """Run this host's share of the job: 0, or 143 where it was stopped and can be resumed."""
    settings = Hyperparameters.parse(job.hyperparameters())
    resources = job.resources()
    torchrun = Torchrun(
        torchrun_command(job, resources, settings, folder),
        worker_environment(os.environ, resources, settings),
    )
    status = torchrun.wait()
    outcome = folder / "outcome"
    ended = outcome.read_text() if outcome.exists() else None
    if ended == "finished":
        return 0
    if ended == "stopped" or torchrun.stop_requested:
        print("training stopped; it resumes from its newest checkpoint", flush=True)
        return STOPPED_STATUS
    return fail(job, failure_reason(folder / "log", status))


def main() -> int:
    """The container's entrypoint; its result is the process's exit status."""
    job = Job.from_environment(os.environ)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        try:
            return train(job, Path(folder))
        except (ValueError, OSError) as error:
            return fail(job, str(error))
