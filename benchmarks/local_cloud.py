"""The local cloud beside moto's own server: the same clients and calls, on one machine.

Ours checks every call against the caller's policies; moto's server checks nothing.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3

from benchmarks.measuring import GIB, Row, interleaved, keep, memory_of, rate
from cli.synthesis import REPOSITORY, synthesize

ROUNDS, SECONDS = 5, 1.0
NUM_STATES = 200
REGION = "us-east-1"
ANYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*", "dynamodb:*", "sqs:*"], "Resource": "*"}],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "123456789012", "Service": "states.amazonaws.com"},
        }
    ],
}


def main() -> None:
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        assembly = synthesize(REPOSITORY / "environments" / "poc.yaml", folder / "cdk.out")
        starts = [start_and_stop(assembly) for _ in range(ROUNDS)]
        seconds = sorted(seconds for seconds, _ in starts)[ROUNDS // 2]
        rows.append(Row("poc environment up, s", seconds, goal="<= 5"))
        memory = max(peak for _, peak in starts)
        rows.append(Row("poc environment up, GiB", memory / GIB, goal="<= 4"))
        ours = Subject(stack.enter_context(local_cloud(empty_assembly(folder / "empty"))))
        peer = Subject(stack.enter_context(moto_server()))
        for what, make in Subject.CALLS.items():
            measured = interleaved({"ours": make(ours), "peer": make(peer)}, ROUNDS)
            row = Row(what, measured["ours"], measured["peer"], "moto server 5.2.5", ">= 0.5")
            rows.append(row)
    keep("local_cloud", rows)


class Subject:
    """One address, as a role that may do anything calls it."""

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._names = itertools.count()
        iam, sts = self._client("iam", "test", "test"), self._client("sts", "test", "test")
        self._role = iam.create_role(RoleName="b", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="b", PolicyName="p", PolicyDocument=json.dumps(ANYTHING))
        taken = sts.assume_role(RoleArn=self._role["Role"]["Arn"], RoleSessionName="benchmark")
        self._session = taken["Credentials"]

    def _client(self, service: str, key: str, secret: str, token: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._endpoint_url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def client(self, service: str) -> Any:
        session = self._session
        return self._client(
            service,
            session["AccessKeyId"],
            session["SecretAccessKey"],
            session["SessionToken"],
        )

    def put_object(self) -> Callable[[], float]:
        s3, body = self.client("s3"), b"x" * 1024
        s3.create_bucket(Bucket="put-bucket")
        return lambda: rate(
            lambda: s3.put_object(Bucket="put-bucket", Key=str(next(self._names)), Body=body),
            SECONDS,
        )

    def get_object(self) -> Callable[[], float]:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="get-bucket")
        s3.put_object(Bucket="get-bucket", Key="k", Body=b"x" * 1024)
        return lambda: rate(
            lambda: s3.get_object(Bucket="get-bucket", Key="k")["Body"].read(), SECONDS
        )

    def put_item(self) -> Callable[[], float]:
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return lambda: rate(
            lambda: dynamodb.put_item(TableName="t", Item={"id": {"S": str(next(self._names))}}),
            SECONDS,
        )

    def send_message(self) -> Callable[[], float]:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        return lambda: rate(lambda: sqs.send_message(QueueUrl=url, MessageBody="x"), SECONDS)

    def states(self) -> Callable[[], float]:
        """State transitions per second of a chain of Pass states, from start to success."""
        workflows = self._client("stepfunctions", "test", "test")
        names = [f"S{number}" for number in range(NUM_STATES)]
        chain: dict[str, dict[str, Any]] = {
            name: {"Type": "Pass", "Next": following}
            for name, following in itertools.pairwise(names)
        }
        chain[names[-1]] = {"Type": "Pass", "End": True}
        machine = workflows.create_state_machine(
            name="m",
            roleArn=self._role["Role"]["Arn"],
            definition=json.dumps({"StartAt": names[0], "States": chain}),
        )["stateMachineArn"]

        def run() -> float:
            started = time.perf_counter()
            # moto gives executions without a name the same one.
            name = f"run-{next(self._names)}"
            arn = workflows.start_execution(stateMachineArn=machine, name=name)["executionArn"]
            while (status := workflows.describe_execution(executionArn=arn)["status"]) == "RUNNING":
                time.sleep(0.005)
            assert status == "SUCCEEDED", status
            return NUM_STATES / (time.perf_counter() - started)

        return run

    CALLS = {  # noqa: RUF012
        "S3 PutObject of 1 KiB, calls/s": put_object,
        "S3 GetObject of 1 KiB, calls/s": get_object,
        "DynamoDB PutItem, calls/s": put_item,
        "SQS SendMessage, calls/s": send_message,
        f"Step Functions, {NUM_STATES} Pass states, states/s": states,
    }


def empty_assembly(folder: Path) -> Path:
    """What `cdk synth` writes of a stack with one queue."""
    folder.mkdir()
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "One.template.json"},
    }
    manifest = {"version": "43.0.0", "artifacts": {"One": stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    (folder / "One.template.json").write_text(json.dumps(template))
    return folder


@contextmanager
def running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.DEVNULL, text=True, **options
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def local_cloud(assembly: Path) -> Iterator[str]:
    """A local cloud that is ready; its address."""
    command = ("localcloud", str(assembly), "--port", "0")
    with running(*command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "ready\n"))
        found = re.search(r"^AWS_ENDPOINT_URL=(.+)$", said, re.MULTILINE)
        assert found, said
        yield found[1]


def start_and_stop(assembly: Path) -> tuple[float, int]:
    """Seconds until an assembly is ready, and its most memory (bytes) until a second later."""
    started = time.perf_counter()
    command = ("localcloud", str(assembly), "--port", "0")
    with running(*command, stdout=subprocess.PIPE) as process, memory_of(process.pid) as memory:
        assert process.stdout is not None
        for _ in iter(process.stdout.readline, "ready\n"):
            assert process.poll() is None
        seconds = time.perf_counter() - started
        time.sleep(1)
    return seconds, memory.peak


@contextmanager
def moto_server() -> Iterator[str]:
    """moto's server, running its state machines; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with running("moto.server", "-p", str(port), stdout=subprocess.DEVNULL):
        settings = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        request = urllib.request.Request(f"{address}/moto-api/config", data=settings)
        request.add_header("Content-Type", "application/json")
        for _ in range(200):
            try:
                urllib.request.urlopen(request).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield address


if __name__ == "__main__":
    main()
