"""Our gateway with all policies on: the function's own package, with its stores on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path

from benchmarks.proxies.load import Subject
from benchmarks.proxies.model_server import PACKAGE
from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION
from cli.cloud_process import CloudProcess
from lambdas.answer_request.signed.calls import Place
from lambdas.answer_request.signed.clients import DynamoDb
from meguru.attribute_values import to_item
from meguru.billing import Billing, Budget
from meguru.consumer import key_item
from meguru.prices import Price
from stacks.constructs.python_function import FunctionBundling
from tests.campaigns.one_table import MANIFEST
from tests.dynamodb_table import table_of
from tests.valkey_server import valkey_server

TABLES = {
    "consumers": "consumer",
    "inferences": "inference_id",
    "ledger": "counter",
    "releases": "endpoint_name",
}
CONSUMER, KEY_ID, MODEL = "benchmark", "key-id", "m"
GUARD = {
    "words": ["極秘案件", "Project X"],
    "personal_data": {"input": "replace", "output": "replace"},
    "overrides": True,
}
BILLING = Billing(
    prices={MODEL: Price(Decimal(30), Decimal(90), Decimal(3))}, budget=Budget(per_month=10**15)
)
LIMITS = {
    "requests_per_minute": 10**7,
    "tokens_per_minute": 10**10,
    "tokens_per_day": 10**12,
    "tokens_per_month": 10**12,
}
CONTEXT = {"identity": {"apiKeyId": KEY_ID}, "requestId": "r"}


@contextmanager
def our_gateway(folder: Path, model_port: int) -> Iterator[Subject]:
    """A server that asks the model server at a port."""
    with ExitStack() as stack:
        tables = stack.enter_context(cloud_of_tables(folder / "tables"))
        put_rows(tables)
        cache = stack.enter_context(valkey_server())
        package = build_package(folder / "package")
        environment = variables(tables, cache, model_port)
        process, port = stack.enter_context(serving(package, environment))
        headers = {"x-amzn-request-context": json.dumps(CONTEXT)}
        yield Subject(port, headers, MODEL, (process.pid,))


def build_package(folder: Path) -> Path:
    """What the template makes of the function's folder."""
    FunctionBundling("answer_request", {}).try_bundle(str(folder))
    return folder


@contextmanager
def cloud_of_tables(folder: Path) -> Iterator[str]:
    """The address of a local cloud with the tables that a request passes."""
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    resources = {
        f"Table{number}": {"Type": "AWS::DynamoDB::Table", "Properties": table_of(name, key)}
        for number, (name, key) in enumerate(TABLES.items())
    }
    (folder / "Table.template.json").write_text(json.dumps({"Resources": resources}))
    with CloudProcess(folder, port=0, log=folder / "log") as cloud:
        yield cloud.endpoint_url


def put_rows(endpoint_url: str) -> None:
    """A consumer with every limit there is, its key, and a release that serves."""
    client = DynamoDb(place=Place(aws_variables(endpoint_url)))
    consumer = {"consumer": CONSUMER, "models": [MODEL], "log": "redacted", **LIMITS}
    consumers = [to_item(consumer) | {"key_ids": {"SS": [KEY_ID]}}]
    consumers += [to_item({"consumer": key_item(KEY_ID), "name": CONSUMER})]
    for item in consumers:
        client.put_item(TableName="consumers", Item=item)
    release = {"endpoint_name": "text", "release": {"package": PACKAGE, "name": "r-1"}}
    client.put_item(TableName="releases", Item=to_item(release))


def aws_variables(endpoint_url: str) -> dict[str, str]:
    keys = {f"AWS_{name.upper()}": value for name, value in LOCAL_CREDENTIALS.items()}
    return {**keys, "AWS_REGION": LOCAL_REGION, "AWS_ENDPOINT_URL": endpoint_url}


def variables(tables: str, cache: str, model_port: int) -> dict[str, str]:
    """What the template tells the function."""
    return aws_variables(tables) | {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{model_port}",
        "MODELS": json.dumps({MODEL: ["text", 4096]}),
        "EMBEDDERS": "{}",
        "ALIASES": "{}",
        "GUARD": json.dumps(GUARD),
        "CONSUMER_TABLE": "consumers",
        "INFERENCE_TABLE": "inferences",
        "INFERENCE_QUEUE": f"{tables}/123456789012/none",
        "INFERENCE_RETENTION_DAYS": "30",
        "LEDGER_TABLE": "ledger",
        "RELEASE_TABLE": "releases",
        "VOTE_TABLE": "votes",
        "BILLING": BILLING.as_json(),
        "CORS_ORIGINS": "[]",
        "CACHE_STORE": cache,
        "CACHE_SECONDS": "300",
    }


@contextmanager
def serving(
    package: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The package's server, once it answers, and its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    told = {"PATH": os.environ["PATH"], "AWS_LWA_PORT": str(port), **environment}
    command = [sys.executable, "-m", "lambdas.answer_request.server"]
    process = subprocess.Popen(command, cwd=package, env=told, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.002)
    raise RuntimeError(f"no server on port {port}")
