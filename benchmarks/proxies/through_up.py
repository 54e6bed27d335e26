"""A call through all that `make up` brings up: gateway, authorizer, function, container, log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.measuring import Row
from benchmarks.proxies.load import Figures, Subject
from cli.account import Account
from cli.cloud_process import CloudProcess
from cli.company import DOCUMENTS
from cli.consumers import first_key
from cli.loop import Loop
from cli.synthesis import REPOSITORY, synthesize
from stacks.environment import read_environment

NUM_WARM_UP, NUM_REQUESTS = 40, 200
# What is still written of the last answers when they have been given.
SETTLE_SECONDS = 3
LIMITS = {
    "requests_per_second: 5": "requests_per_second: 9000",
    "burst: 10": "burst: 5000",
    "requests_per_month: 100000": "requests_per_month: 100000000",
}


def up_rows(folder: Path) -> Iterator[Row]:
    """Answers of one token, alone and with four callers; none is from the cache."""
    with local_cloud(folder) as subject:
        for callers in (1, 4):
            found = asked(subject, callers)
            what = f"through `make up`, one token, {callers} at once"
            rate = found.requests_per_second
            yield Row(f"{what}: requests per processor second", rate, goal=">= 120")
            goal = "<= 10" if callers == 1 else None
            yield Row(f"{what}: p50, ms", found.percentile(50), goal=goal)


def asked(subject: Subject, callers: int) -> Figures:
    subject.ask(NUM_WARM_UP // callers, callers, streams=False)
    time.sleep(SETTLE_SECONDS)
    return subject.ask(NUM_REQUESTS // callers, callers, streams=False, settle=SETTLE_SECONDS)


@contextmanager
def local_cloud(folder: Path) -> Iterator[Subject]:
    """The proof of concept's environment with a trained model, and no rate in the way."""
    text = (REPOSITORY / "environments" / "poc.yaml").read_text()
    for before, after in LIMITS.items():
        if before not in text:
            raise ValueError(f"environments/poc.yaml has no {before!r} any more")
        text = text.replace(before, after)
    file = folder / "up.yaml"
    file.write_text(text)
    assembly = synthesize(file, folder / "cdk.out")
    environment = read_environment(file)
    with CloudProcess(assembly, port=0, log=folder / "log") as cloud:
        model = next(iter(environment.trained))
        account = Account(environment.name, cloud.endpoint_url, model)
        account = account.with_key(first_key(account, environment)).of_model(model)
        _serve(Loop(account))
        place = urlsplit(account.outputs["ApiBase"])
        assert place.port is not None
        yield Subject(
            place.port,
            {"authorization": f"Bearer {account.api_key}"},
            account.outputs["ModelName"],
            (_process(place.port),),
            path=f"{place.path}/chat/completions",
            max_tokens=1,
        )


def _serve(loop: Loop) -> None:
    loop.put_documents(DOCUMENTS, "example-company")
    run = loop.training_run(loop.dataset_version())
    package = loop.registered(run["executionArn"])["model_package_arn"]
    loop.approve(package)
    loop.released(package)


def _process(port: int) -> int:
    """The cloud's, by the port that it listens on."""
    for process in psutil.Process().children(recursive=True):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                return process.pid
    raise LookupError(f"nobody listens on port {port}")
