"""The command line, as a process: what it says, and that nothing outlives it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import pytest

Start = Callable[..., "subprocess.Popen[str]"]
TEMPLATE = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}},
}


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "Shop.template.json"},
    }
    manifest = {"version": "55.0.0", "artifacts": {"Shop": stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "Shop.template.json").write_text(json.dumps(TEMPLATE))
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []
    environment = {**os.environ, "TMPDIR": str(tmp_path), "AWS_REGION": "eu-west-1"}

    def run(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def read_until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == "ready":
            return lines
    raise AssertionError(process.stderr.read() if process.stderr else "")


def test_it_prints_the_address_each_output_and_ready(assembly: Path, start: Start) -> None:
    lines = read_until_ready(start(assembly, "--port", "0"))
    name, _, url = lines[0].partition("=")
    assert name == "AWS_ENDPOINT_URL"
    key, _, queue_url = lines[3].partition(" = ")
    assert lines[1:3] == ["", "Outputs:"]
    assert key == "Shop.QueueUrl"
    assert lines[4:] == ["", "ready"]
    client = boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert client.send_message(QueueUrl=queue_url, MessageBody="hello")["MessageId"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_leaves_nothing(
    assembly: Path, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(assembly, "--port", "0")
    read_until_ready(process)
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    for _ in range(3):
        process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert time.monotonic() - started < 5
    assert "Traceback" not in errors
    assert not [child for child in children if child.is_running()]
    assert not list(tmp_path.glob("localcloud-*"))


def test_a_signal_that_another_thread_is_given_ends_it_too(assembly: Path, start: Start) -> None:
    process = start(assembly, "--port", "0")
    read_until_ready(process)
    threads = [thread.id for thread in psutil.Process(process.pid).threads()]
    tgkill = ctypes.CDLL(None).tgkill
    assert tgkill(process.pid, max(set(threads) - {process.pid}), signal.SIGTERM) == 0
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("after_seconds", [0.3, 0.8, 1.3, 1.8])
def test_a_signal_while_it_starts_ends_it_too(
    assembly: Path, start: Start, tmp_path: Path, after_seconds: float
) -> None:
    process = start(assembly, "--port", "0")
    time.sleep(after_seconds)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("localcloud-*"))


def test_a_port_in_use_is_one_clear_line(assembly: Path, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(assembly, "--port", str(port))
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines() == [
        f"localcloud: port {port} is in use: choose another with --port, or --port 0 for a free one"
    ]


def test_what_is_no_assembly_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        process = start(folder, "--port", "0")
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert len(errors.splitlines()) == 1
        assert str(folder) in errors
        assert "cdk synth" in errors


def test_an_unknown_resource_type_is_one_clear_line(assembly: Path, start: Start) -> None:
    template = {"Resources": {"Odd": {"Type": "AWS::Odd::Thing"}}}
    (assembly / "Shop.template.json").write_text(json.dumps(template))
    process = start(assembly, "--port", "0")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert "AWS::Odd::Thing" in errors


def test_a_port_that_is_none_is_refused(assembly: Path, start: Start) -> None:
    process = start(assembly, "--port", "70000")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "70000" in errors


def test_it_ends_with_its_parent(assembly: Path, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; "
            "subprocess.run([sys.executable, '-m', 'localcloud', *sys.argv[1:]])",
            str(assembly),
            "--port",
            "0",
            "--die-with-parent",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    read_until_ready(parent)
    (cloud,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([cloud], timeout=10)[1] == []


def test_a_work_dir_that_is_given_is_kept(assembly: Path, start: Start, tmp_path: Path) -> None:
    process = start(assembly, "--port", "0", "--work-dir", tmp_path / "kept")
    read_until_ready(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert (tmp_path / "kept").is_dir()


def test_a_work_dir_that_cannot_be_is_one_clear_line(
    assembly: Path, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    _, errors = start(assembly, "--port", "0", "--work-dir", tmp_path / "file").communicate()
    assert errors == (
        f"localcloud: {tmp_path / 'file'}: File exists: "
        "name another, or let this user read and write it\n"
    )


def test_parameters_are_given_on_the_command_line(start: Start, assembly: Path) -> None:
    template = {
        "Parameters": {"Size": {"Type": "String"}},
        "Resources": TEMPLATE["Resources"],
        "Outputs": {"Size": {"Value": {"Ref": "Size"}}},
    }
    (assembly / "Shop.template.json").write_text(json.dumps(template))
    process = start(assembly, "--port", "0", "--parameters", "Shop:Size=large")
    assert "Shop.Size = large" in read_until_ready(process)
    _, said = start(assembly, "--port", "0").communicate(timeout=60)
    assert "--parameters Size=VALUE" in said
