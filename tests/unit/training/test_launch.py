"""The real entrypoint: two hosts on loopback, reclaimed, resumed; and how failures are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from meguru.hyperparameters import Hyperparameters
from tests import warm_python
from training.job import Job, Resources
from training.launch import failure_reason, host_environment, worker_environments
from training.workers import STOPPED_STATUS

HOSTS = ["127.31.0.11", "127.31.0.12"]
MakeJob = Callable[..., Any]
StartHost = Callable[..., Any]
ENTRYPOINT = "import runpy; runpy.run_module('training', run_name='__main__', alter_sys=True)"
REPOSITORY = Path(__file__).parents[3]


def share_folders(first: Any, second: Any) -> None:
    """SageMaker syncs both hosts' checkpoints to one prefix: here it is one folder."""
    (second.root / "checkpoints").rmdir()
    (second.root / "checkpoints").symlink_to(first.root / "checkpoints")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return children


def test_two_hosts_reclaimed_and_resumed(make_job: MakeJob, start_host: StartHost) -> None:
    settings = {"max_steps": "120", "checkpoint_steps": "20", "logging_steps": "10"}
    whole = make_job("whole", **settings)
    assert whole.train(world_size=2) == [0, 0]
    jobs = make_job("algo-1", **settings), make_job("algo-2", **settings)
    share_folders(*jobs)

    # Spot reclaim: SIGTERM to each host's whole group.
    hosts = [start_host(job, HOSTS, name, "two") for job, name in zip(jobs, HOSTS, strict=True)]
    hosts[0].read_until("event=checkpoint step=20")
    for host in hosts:
        host.signal(signal.SIGTERM)
    assert [host.wait() for host in hosts] == [STOPPED_STATUS, STOPPED_STATUS]
    assert not (jobs[0].root / "output" / "failure").exists()

    # A broken node: SIGKILL to each host's whole group; no worker outlives it.
    hosts = [start_host(job, HOSTS, name, "two") for job, name in zip(jobs, HOSTS, strict=True)]
    hosts[0].read_until("event=checkpoint")
    children = [child for host in hosts for child in descendants(host.process)]
    assert len(children) == 2, "a worker on each host"
    for host in hosts:
        host.signal(signal.SIGKILL)
        host.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive

    hosts = [start_host(job, HOSTS, name, "two") for job, name in zip(jobs, HOSTS, strict=True)]
    assert [host.wait() for host in hosts] == [0, 0]
    facts = jobs[0].facts()
    assert len(facts["resumed_from_steps"]) == 2
    assert (facts["training_job"], facts["commit"]) == ("two", "abc123")
    assert jobs[0].weights() == whole.weights()
    assert not (jobs[1].root / "model").exists(), "one host writes the model"


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_no_worker_outlives_a_host_that_is_killed_while_it_starts(
    make_job: MakeJob, start_host: StartHost, seconds: float
) -> None:
    """Only the launcher is killed, when it has just forked its workers."""
    job = make_job(processes_per_host="2")
    host = start_host(job, HOSTS[:1], HOSTS[0], "one")
    started: list[psutil.Process] = []
    while not started:
        started = descendants(host.process)
    time.sleep(seconds)
    started = descendants(host.process)
    host.process.kill()
    _, alive = psutil.wait_procs(started, timeout=10)
    assert started and not alive


def test_a_stop_while_torch_is_imported_is_a_stop(make_job: MakeJob, start_host: StartHost) -> None:
    job = make_job()
    host = start_host(job, HOSTS[:1], HOSTS[0], "one")
    while "libtorch_cpu" not in Path(f"/proc/{host.process.pid}/maps").read_text():
        time.sleep(0.01)
    host.signal(signal.SIGTERM)
    assert host.wait() == STOPPED_STATUS
    assert not (job.root / "output" / "failure").exists()
    assert not list((job.root / "checkpoints").iterdir())


def run_entrypoint(root: Path) -> int:
    """The entrypoint's exit status."""
    return subprocess.run(
        [
            *warm_python.command(),
            "-c",
            "import runpy; runpy.run_module('training', None, '__main__')",
        ],
        cwd=REPOSITORY,
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(root)},
        capture_output=True,
        timeout=60,
    ).returncode


def test_wrong_hyperparameter_fails_with_its_name(make_job: MakeJob) -> None:
    job = make_job(learning_rate="fast")

    assert run_entrypoint(job.root) == 1

    reason = (job.root / "output" / "failure").read_text()
    assert reason == "hyperparameter learning_rate='fast': a number from 1e-08 to 1.0"


def test_worker_failure_reaches_the_failure_file(make_job: MakeJob) -> None:
    job = make_job()
    (job.root / "input" / "data" / "dataset" / "shard-00000.parquet").write_bytes(b"damaged")

    assert run_entrypoint(job.root) == 1

    assert (
        "shard-00000.parquet does not have the SHA-256"
        in (job.root / "output" / "failure").read_text()
    )


def test_unknown_current_host_is_refused(make_job: MakeJob) -> None:
    job = make_job()
    config = job.root / "input" / "config" / "resourceconfig.json"
    config.write_text('{"current_host": "algo-3", "hosts": ["algo-1", "algo-2"]}')

    assert run_entrypoint(job.root) == 1

    assert "current_host 'algo-3' is not in" in (job.root / "output" / "failure").read_text()


def test_every_worker_has_its_place_and_all_meet_at_the_first_host(tmp_path: Path) -> None:
    job, hosts = Job(tmp_path, "job"), ("algo-2", "algo-1")

    places = [
        place
        for host in sorted(hosts)
        for place in worker_environments(job, Resources(host, hosts, "eth0"), num_workers=2)
    ]

    assert [place["RANK"] for place in places] == ["0", "1", "2", "3"]
    assert [place["LOCAL_RANK"] for place in places] == ["0", "1", "0", "1"]
    assert {(place["WORLD_SIZE"], place["MASTER_ADDR"]) for place in places} == {("4", "algo-1")}
    assert len({place["MASTER_PORT"] for place in places}) == 1


def test_jobs_on_one_machine_have_ports_of_their_own(tmp_path: Path) -> None:
    resources = Resources("localhost", ("localhost",), None)
    jobs = [Job(tmp_path, f"job-{number}") for number in range(5)]
    ports = {worker_environments(job, resources, 1)[0]["MASTER_PORT"] for job in jobs}
    assert len(ports) == 5


def test_interface_goes_to_gloo_and_nccl() -> None:
    resources = Resources("algo-1", ("algo-1",), "eth1")
    environment = host_environment({"PATH": "/bin"}, resources, Hyperparameters())
    assert environment["GLOO_SOCKET_IFNAME"] == environment["NCCL_SOCKET_IFNAME"] == "eth1"
    assert environment["PATH"] == "/bin"


def test_reason_is_the_first_error_by_time(tmp_path: Path) -> None:
    for rank, (timestamp, message) in enumerate([("20", "connection closed"), ("10", "the cause")]):
        folder = tmp_path / str(rank)
        folder.mkdir()
        error = {"message": message, "extraInfo": {"timestamp": timestamp}}
        (folder / "error.json").write_text(json.dumps({"message": error}))
    assert failure_reason(tmp_path, 1) == "the cause"


def test_reason_without_error_file_names_the_status(tmp_path: Path) -> None:
    assert "status -9" in failure_reason(tmp_path, -9)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_broken_configuration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "input" / "config" / "hyperparameters.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"hyperparameters\.json"):
        Job(tmp_path, "job").hyperparameters()
