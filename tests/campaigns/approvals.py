"""Campaign: people and events race for the endpoint, and the registry's word holds."""

from __future__ import annotations

import io
import json
import random
import shutil
import tarfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.check import Assembly

from tests.e2e.loop_cloud import LoopCloud

ACTIONS = ("approve", "approve", "reject", "edit", "replay", "pause")
# Longer than an event takes to start its release on a busy machine.
QUIET_SECONDS = 3
# A model server that is ready at once: a campaign makes many.
QUICK_SERVER = '''
"""Answers every request at once."""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET


address = (os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
'''


def with_quick_server(assembly: Path, folder: Path) -> Path:
    """A copy of an assembly whose inference image holds a server without a model."""
    copy = Path(shutil.copytree(assembly, folder / "cdk.out"))
    for image in Assembly.load(copy).images.values():
        main = image.directory / "inference_containers" / "text" / "__main__.py"
        if main.exists():
            main.write_text(QUICK_SERVER)
    return copy


def empty_archive() -> bytes:
    """A model.tar.gz without a model: the quick server needs none."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz"):
        pass
    return buffer.getvalue()


@dataclass
class Version:
    """A model version and what was done to it."""

    arn: str
    done: Counter[str] = field(default_factory=Counter)


@dataclass
class Races:
    """Trials on one running environment."""

    cloud: LoopCloud
    model_uri: str
    seed: int = 0
    _seen: set[str] = field(default_factory=set)

    def trial(self, number: int) -> list[str]:
        """Race over two new versions; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        versions = [Version(self.cloud.register(self.model_uri)) for _ in range(2)]
        plans = [[chance.choice(ACTIONS) for _ in range(4)] for _ in range(3)]
        with ThreadPoolExecutor(len(plans)) as pool:
            for plan in plans:
                pool.submit(self._act, plan, versions, random.Random(chance.random()))
        self.settle()
        return [*self.faults(versions), *self.end_faults()]

    def trial_with(self, fault: str) -> list[str]:
        """Plant a fault in the release workflow as it runs; what did not hold of one version."""
        definition = self.cloud.definition("DeployModelVersion")
        PLANTED[fault](definition["States"])
        self.cloud.client("stepfunctions").update_state_machine(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"],
            definition=json.dumps(definition),
        )
        version = Version(self.cloud.register(self.model_uri))
        if fault == "claim always":
            self.act("approve", version)
        for _ in range(3):
            self.act("replay", version)
        self.settle()
        return [*self.faults([version]), *self.end_faults()]

    def settle(self) -> list[dict[str, Any]]:
        """Until every release has ended, and no further one begins."""
        while True:
            before = len(self.cloud.wait_until_idle(0))
            time.sleep(QUIET_SECONDS)
            after = self.cloud.wait_until_idle(before)
            if len(after) == before:
                return after

    def act(self, action: str, version: Version) -> None:
        """One thing that a person or a repeated event does."""
        version.done[action] += 1
        if action == "approve":
            self.cloud.decide(version.arn, "Approved")
        elif action == "reject":
            self.cloud.decide(version.arn, "Rejected")
        elif action == "edit":
            self.cloud.client("sagemaker").update_model_package(
                ModelPackageArn=version.arn,
                CustomerMetadataProperties={"note": str(version.done["edit"])},
            )
        elif action == "replay":
            self.replay(version)
        else:
            time.sleep(0.5)

    def replay(self, version: Version) -> None:
        """The event of an approval, once more and perhaps too late."""
        detail = {"ModelPackageArn": version.arn, "ModelApprovalStatus": "Approved"}
        self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"],
            input=json.dumps({"detail": detail}),
        )

    def _act(self, plan: list[str], versions: list[Version], chance: random.Random) -> None:
        for action in plan:
            self.act(action, chance.choice(versions))
            time.sleep(chance.random() / 5)

    def faults(self, versions: list[Version]) -> list[str]:
        """What does not hold of single versions."""
        made = self.models()
        found = []
        for version in versions:
            approvals, rejections = version.done["approve"], version.done["reject"]
            num_models = made[version.arn]
            if not approvals and num_models:
                found.append(f"{version.arn} was released without an approval")
            if num_models > 1 + rejections:
                found.append(f"{version.arn} was released {num_models} times")
            if approvals and not rejections and not num_models:
                found.append(f"{version.arn} was approved and never released")
        return found

    def end_faults(self) -> list[str]:
        """What does not hold of the endpoint once all is quiet."""
        record, serving = self.cloud.release_record(), self.cloud.serving()
        found = []
        if serving != record.get("released_model_package_arn"):
            found.append(f"{serving} serves, but {record} is recorded")
        if "claimed_by" in record:
            found.append(f"a claim was left behind: {record}")
        for one in self.cloud.releases():
            if one["executionArn"] not in self._seen and not is_as_it_should_be(one):
                found.append(f"a release failed: {one.get('error')}: {one.get('cause')}")
            self._seen.add(one["executionArn"])
        return found

    def models(self) -> Counter[str]:
        """How many models each version was made into."""
        sagemaker = self.cloud.client("sagemaker")
        names = [
            model["ModelName"]
            for page in sagemaker.get_paginator("list_models").paginate()
            for model in page["Models"]
        ]
        described = [sagemaker.describe_model(ModelName=name) for name in names]
        return Counter(model["PrimaryContainer"]["ModelPackageName"] for model in described)


def is_as_it_should_be(release: dict[str, Any]) -> bool:
    """Whether a release has succeeded, or ended because its version was rejected meanwhile."""
    withdrawn = release.get("error") == "ApprovalWithdrawn"
    # Rejected between the release's first look and its CreateModel, which SageMaker refuses.
    refused = "its approval status is Rejected" in release.get("cause", "")
    return release["status"] == "SUCCEEDED" or withdrawn or refused


def believe_the_event(states: dict[str, Any]) -> None:
    states["IsApproved"]["Choices"][0]["Condition"] = "{% true %}"
    states["IsStillApproved"]["Choices"][0]["Condition"] = "{% true %}"


def claim_always(states: dict[str, Any]) -> None:
    del states["ClaimRelease"]["Arguments"]["ConditionExpression"]


PLANTED = {"believe the event": believe_the_event, "claim always": claim_always}
