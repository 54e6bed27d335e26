"""The cloud as its parts and its tests use it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.cloud import Cloud
from localcloud.service import Service


class Watched(Service):
    """Notes what happens to it."""

    service_name = "events"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.happened: list[str] = []

    def start(self) -> None:
        self.account.client("sts").get_caller_identity()
        self.happened.append("started")

    def stop(self) -> None:
        self.happened.append("stopped")


def test_services_start_when_the_address_answers_and_stop_once() -> None:
    with Cloud(services=[Watched]) as cloud:
        watched = cloud.service(Watched)
        assert watched.happened == ["started"]
    cloud.stop()
    assert watched.happened == ["started", "stopped"]


def test_a_service_that_does_not_run_is_named() -> None:
    with Cloud(services=[]) as cloud, pytest.raises(ValueError, match="Watched"):
        cloud.service(Watched)


def test_one_cloud_after_another_starts_empty() -> None:
    for _ in range(3):
        with Cloud(services=[]) as cloud:
            assert cloud.client("s3").list_buckets()["Buckets"] == []
            cloud.client("s3").create_bucket(Bucket="lake")
            cloud.client("sqs").create_queue(QueueName="q")


def test_account_and_region_are_everywhere() -> None:
    with Cloud(services=[], account="210987654321", region="ap-northeast-1") as cloud:
        client = cloud.client("sns")
        topic = client.create_topic(Name="t")["TopicArn"]
        assert topic == "arn:aws:sns:ap-northeast-1:210987654321:t"
        assert cloud.client("sts").get_caller_identity()["Account"] == "210987654321"


def test_the_region_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with Cloud(services=[]) as cloud:
        assert cloud.region == "eu-central-1"
    monkeypatch.setenv("AWS_REGION", "moon/1")
    with pytest.raises(ValueError, match="moon/1"):
        Cloud(services=[])


def test_credentials_are_an_environment(ground: Cloud) -> None:
    administrator = ground.account.credentials(Caller.administrator())
    assert administrator["AWS_ENDPOINT_URL"] == ground.endpoint_url
    assert "AWS_SESSION_TOKEN" not in administrator
    assert administrator["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
    role = Caller.role(f"arn:aws:iam::{ground.account.id}:role/r", "s")
    own = ground.account.credentials(role)
    assert own == ground.account.credentials(role)
    assert set(own) - set(administrator) == {"AWS_SESSION_TOKEN"}
    caller = ground.account.access.keys.caller(own["AWS_ACCESS_KEY_ID"], own["AWS_SESSION_TOKEN"])
    assert caller == role


def test_clients_are_made_once_and_by_any_thread(ground: Cloud) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(ground.client("sqs"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in found}) == 1


def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is in use"):
            Cloud(services=[], port=port)


def test_stop_ends_processes_threads_and_the_work_dir(tmp_path: Path) -> None:
    threads = threading.active_count()
    with Cloud(services=[]) as cloud:
        work_dir = cloud.account.work_dir
        sleeper = cloud.account.processes.start(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            env={},
            cwd=tmp_path,
            output=subprocess.DEVNULL,
        )
        cloud.client("sts").get_caller_identity()
    assert not work_dir.exists()
    assert not psutil.pid_exists(sleeper.pid)
    for _ in range(50):
        if threading.active_count() <= threads:
            break
        threading.Event().wait(0.1)
    assert threading.active_count() <= threads


def test_a_start_loads_nothing_of_ec2() -> None:
    """moto's tables of instance types would take as long as all the rest."""
    program = "import sys, localcloud.cloud, localcloud.services; print('moto.ec2' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"False"]
