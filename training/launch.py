"""The entrypoint of every host: starts its workers, hands SIGTERM on, and reports how it ended."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from meguru.accelerator import num_gpus
from meguru.hyperparameters import Hyperparameters
from training.job import Job, Resources
from training.workers import STOPPED_STATUS, Workers


def has_efa() -> bool:
    """Whether the host has an Elastic Fabric Adapter."""
    return Path("/sys/class/infiniband").is_dir() and num_gpus() > 0


def master_port(job_name: str) -> int:
    """The same on every host, below the ephemeral ports, different for jobs on one machine."""
    return 10_000 + zlib.crc32(job_name.encode()) % 20_000


def host_environment(
    environment: Mapping[str, str], resources: Resources, settings: Hyperparameters
) -> dict[str, str]:
    """What gloo, NCCL, EFA and torch read from the environment, the same for all of a host."""
    values = {
        **environment,
        "OMP_NUM_THREADS": str(settings.num_threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS adds in a fixed order only with this
        "FLASH_ATTENTION_DETERMINISTIC": "1",  # and flash attention's gradients
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    if resources.network_interface_name:
        values["GLOO_SOCKET_IFNAME"] = resources.network_interface_name
        values["NCCL_SOCKET_IFNAME"] = resources.network_interface_name
    if has_efa():
        values |= {"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": "1", "NCCL_PROTO": "simple"}
    return values


def worker_environments(job: Job, resources: Resources, num_workers: int) -> list[dict[str, str]]:
    """Each worker's place among all of the job, as torch.distributed reads it.

    Every host has as many workers, and the first one of the first host is where they meet.
    """
    return [
        {
            "RANK": str(resources.node_rank * num_workers + local_rank),
            "LOCAL_RANK": str(local_rank),
            "WORLD_SIZE": str(len(resources.hosts) * num_workers),
            "MASTER_ADDR": resources.master,
            "MASTER_PORT": str(master_port(job.name)),
        }
        for local_rank in range(num_workers)
    ]


def failure_reason(folder: Path, status: int) -> str:
    """The first error that a worker recorded (torch.distributed.elastic's error files)."""
    messages = []
    for path in folder.rglob("error.json"):
        content = json.loads(path.read_text(encoding="utf-8"))["message"]
        message = content if isinstance(content, dict) else {"message": content}
        extra = message.get("extraInfo", {})
        messages.append((int(extra.get("timestamp", 0)), str(message["message"])))
    if messages:
        return min(messages)[1]
    return f"a worker ended with status {status}: it was killed, or the job's log says why"


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
    num_workers = settings.processes_per_host or num_gpus() or 1
    workers = Workers(folder)
    # Before torch is imported, once for all workers: it and its libraries read them then.
    os.environ.update(host_environment(os.environ, resources, settings))
    from training.worker import main as work

    workers.start(work, worker_environments(job, resources, num_workers))
    status = workers.wait()
    outcome = folder / "outcome"
    ended = outcome.read_text() if outcome.exists() else None
    if ended == "finished":
        return 0
    if ended == "stopped" or workers.stop_requested:
        print("training stopped; it resumes from its newest checkpoint", flush=True)
        return STOPPED_STATUS
    return fail(job, failure_reason(folder, status))


def main() -> int:
    """The container's entrypoint; its result is the process's exit status."""
    job = Job.from_environment(os.environ)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        try:
            return train(job, Path(folder))
        except (ValueError, OSError, ImportError) as error:
            return fail(job, str(error))
