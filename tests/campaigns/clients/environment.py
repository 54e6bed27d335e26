"""An environment with a model of each engine, one that makes vectors, and one that never serves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from localcloud.check import Assembly

from cli.account import Account
from cli.base_models import BaseModels, read_source
from cli.cloud_process import CloudProcess
from cli.consumers import Consumers
from cli.loop import Loop
from cli.synthesis import REPOSITORY, synthesize
from meguru.api_key import make_api_key
from meguru.consumer import Consumer
from tests.e2e.loop_cloud import NAME, LoopCloud, make_model_archive
from tests.unit.encoders import DIMENSIONS, write_encoder

TEXT, TOOLS, VECTORS, UNRELEASED = "staff-chat", "tool-chat", "vectors", "later"
STAND_IN = Path(__file__).with_name("vllm_stand_in.py")


def synthesize_clients(folder: Path) -> Path:
    """The assembly of environments/poc.yaml with the four models, and a stand-in for vLLM."""
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    [text] = values["models"].values()
    # What they say who were never trained passes no smoke test.
    text["endpoint"]["release"]["smoke_test"] = []
    endpoint = {**text["endpoint"], "instance_type": "ml.g6.2xlarge"}
    release = {"release": {"bake_seconds": 0, "poll_seconds": 1}}
    values["models"] = {
        TEXT: text,
        TOOLS: {**text, "engine": "vllm", "endpoint": endpoint},
        VECTORS: {"kind": "embedding", "base": "tiny", "endpoint": release},
        UNRELEASED: text,
    }
    values["api"] |= {"requests_per_second": 500, "burst": 1000}
    file = folder / "clients.yaml"
    file.write_text(yaml.safe_dump({**values, "name": NAME}))
    assembly = synthesize(file, folder / "cdk.out")
    _put_stand_in(assembly)
    return assembly


def _put_stand_in(assembly: Path) -> None:
    """vLLM's package in the images that would serve with it."""
    for image in Assembly.load(assembly).images.values():
        dockerfile = image.directory / image.docker_file
        if "inference_containers.text.vllm" not in dockerfile.read_text():
            continue
        package = image.directory / "vllm" / "entrypoints" / "openai"
        package.mkdir(parents=True)
        for folder in (package, package.parent, package.parent.parent):
            (folder / "__init__.py").touch()
        shutil.copy(STAND_IN, package / "api_server.py")
        copied = dockerfile.read_text().replace("COPY meguru meguru", "COPY . .")
        dockerfile.write_text(copied)


@contextmanager
def clients_environment(folder: Path) -> Iterator[LoopCloud]:
    """It serves but for one model; nobody has a key yet."""
    assembly = synthesize_clients(folder)
    texts = [
        "有給休暇の申請期限はいつですか",
        "毎月10日までに申請してください。",
        "When is it due?",
    ]
    (folder / "model").mkdir()
    archive = make_model_archive(folder / "model", texts * 3)
    with CloudProcess(assembly, port=0, log=folder / "log") as process:
        account = Account(NAME, process.endpoint_url, TEXT)
        cloud = LoopCloud(account.with_key(Consumers(account).add("clients")))
        models = [cloud, cloud.of_model(TOOLS)]
        versions = [
            one.register(one.put_model(archive, f"runs/{number}/model.tar.gz"))
            for number, one in enumerate(models)
        ]
        for one, version in zip(models, versions, strict=True):
            one.decide(version, "Approved")
        _release_vectors(cloud, folder)
        for one, version in zip(models, versions, strict=True):
            one.loop.released(version)
        yield cloud


def _release_vectors(cloud: LoopCloud, folder: Path) -> None:
    account = cloud.account.of_model(VECTORS)
    models, loop = BaseModels(account), Loop(account)
    source = write_encoder(folder / "encoder")
    models.add(read_source(str(source)), "tiny", "MIT", lambda _: None)
    version = models.register(models.head("tiny"))
    loop.approve(version)
    loop.released(version)


def place_of(cloud: LoopCloud, who: str, base: str) -> dict[str, Any]:
    """What the program of a client is told: consumers of its own, who have spent nothing yet."""
    consumers = Consumers(cloud.account)
    text = cloud.outputs["ModelName"]
    others = frozenset(set(cloud.account.models()) - {text})
    return {
        "base": base,
        "text": text,
        "tools": TOOLS,
        "vectors": VECTORS,
        "unreleased": UNRELEASED,
        "dimensions": DIMENSIONS,
        "key": consumers.add(who),
        "nobodys_key": make_api_key(),
        "narrow_key": consumers.add(f"narrow-{who}", Consumer(name=f"narrow-{who}", models=others)),
        "poor_key": consumers.add(f"poor-{who}", Consumer(name=f"poor-{who}", tokens_per_day=1)),
        "slow_key": cloud.create_key(f"slow-{who}", rate=0.5, burst=1),
    }
