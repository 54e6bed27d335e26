"""Campaign: people and events race for the endpoint, and the registry's word holds."""

from __future__ import annotations

import copy
import io
import json
import random
import shutil
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.check import Assembly

from tests.e2e.loop_cloud import LoopCloud
from tests.e2e.quick_loop import import_nothing_ahead

ACTIONS = ("approve", "approve", "reject", "edit", "replay", "kill", "pause")
# Longer than an event takes to start its release on a busy machine.
QUIET_SECONDS = 3
# A model server that is ready at once: a campaign makes many.
QUICK_SERVER = '''
"""Answers every request at once, and doesn't start with a model that is called broken."""
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


MESSAGE = {"role": "assistant", "content": "a"}
COMPLETION = {
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("stream"):
            choice = {"index": 0, "delta": MESSAGE, "finish_reason": "stop"}
            chunk = {**COMPLETION, "choices": [choice]}
            self.send(f"data: {json.dumps(chunk)}\\n\\ndata: [DONE]\\n\\n".encode())
        else:
            self.answer(COMPLETION)

    def answer(self, said):
        self.send(json.dumps(said).encode())

    def send(self, content):
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if os.path.exists(os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "model", "broken")):
    sys.exit("The model is broken.")
address = (os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
'''

# Changes the states of a workflow.
Plant = Callable[[dict[str, Any]], None]


def with_quick_server(assembly: Path, folder: Path, server: str = QUICK_SERVER) -> Path:
    """A copy of an assembly whose inference image holds a server without a model."""
    copied = Path(shutil.copytree(assembly, folder / "cdk.out"))
    for image in Assembly.load(copied).images.values():
        main = image.directory / "inference_containers" / "text" / "__main__.py"
        if main.exists():
            main.write_text(server)
            import_nothing_ahead(image.directory / image.docker_file)
    return copied


def empty_archive(*names: str) -> bytes:
    """A model.tar.gz of empty files without a model: the quick server needs none."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


@dataclass
class Decisions:
    """What a person decided, in the order in which the registry has it."""

    made: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def faults(self, serving: str | None) -> list[str]:
        """What is wrong with a version that serves once all is quiet, in sentences."""
        last = dict(self.made)
        approved_at = {arn: n for n, (arn, status) in enumerate(self.made) if status == "Approved"}
        if serving is not None and serving not in approved_at:
            return [f"{serving} serves and was never approved"]
        approved = [arn for arn in approved_at if last[arn] == "Approved"]
        if not approved:
            return []
        newest = max(approved, key=lambda arn: approved_at[arn])
        if serving == newest:
            return []
        # Released before it was rejected: rejecting what serves leaves it serving.
        if serving and last[serving] != "Approved" and approved_at[serving] > approved_at[newest]:
            return []
        return [f"{newest} was approved last, and {serving} serves"]


@dataclass
class Races:
    """Trials on one running environment."""

    cloud: LoopCloud
    model_uri: str
    seed: int = 0
    decisions: Decisions = field(default_factory=Decisions)
    _num_edits: int = 0

    def version(self) -> str:
        return self.cloud.register(self.model_uri)

    def trial(self, number: int) -> list[str]:
        """Race over three new versions while one serves; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        before, *versions = [self.version() for _ in range(4)]
        self.act("approve", before)
        self.settle()
        plans = [[chance.choice(ACTIONS) for _ in range(4)] for _ in range(3)]
        with ThreadPoolExecutor(len(plans)) as pool:
            for plan in plans:
                pool.submit(self._follow, plan, before, versions, random.Random(chance.random()))
        return self.faults()

    def approve_in_a_row(self, seconds_between: Sequence[float]) -> list[str]:
        """Approve a new version after each of these pauses; what did not hold."""
        for arn, seconds in [(self.version(), seconds) for seconds in seconds_between]:
            self.act("approve", arn)
            time.sleep(seconds)
        return self.faults()

    def approve_during(self, state: str) -> list[str]:
        """Approve a version when the release of another one enters a state; what did not hold."""
        first, second = self.version(), self.version()
        self.act("approve", first)
        self.cloud.wait(lambda: self._has_entered(state), f"a release to enter {state}")
        self.act("approve", second)
        return self.faults()

    def _has_entered(self, state: str) -> bool | None:
        states = self.cloud.client("stepfunctions")
        entered = {
            event["stateEnteredEventDetails"]["name"]
            for arn in self._running()
            for event in states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
            if "stateEnteredEventDetails" in event
        }
        return state in entered or None

    def _running(self) -> list[str]:
        listed = self.cloud.client("stepfunctions").list_executions(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"], statusFilter="RUNNING"
        )
        return [one["executionArn"] for one in listed["executions"]]

    @contextmanager
    def planted(self, *plants: Plant) -> Iterator[None]:
        """Within, the release workflow is so changed; the clock then heals what it can."""
        # What is wrong already would be taken for this one's.
        assert self.faults() == []
        whole = self.cloud.definition("DeployModelVersion")
        faulty = copy.deepcopy(whole)
        for plant in plants:
            plant(faulty["States"])
        self._define(faulty)
        yield
        self._define(whole)
        self.cloud.account.advance_clock(3600)
        self.settle()

    def _define(self, workflow: dict[str, Any]) -> None:
        self.cloud.client("stepfunctions").update_state_machine(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"],
            definition=json.dumps(workflow),
        )

    def settle(self) -> list[dict[str, Any]]:
        """Until every release has ended, and no further one begins."""
        while True:
            before = len(self.cloud.wait_until_idle(0))
            time.sleep(QUIET_SECONDS)
            after = self.cloud.wait_until_idle(before)
            if len(after) == before:
                return after

    def act(self, action: str, version: str) -> None:
        """One thing that a person, a repeated event or a failing machine does."""
        if action in ("approve", "reject"):
            status = "Approved" if action == "approve" else "Rejected"
            with self.decisions.lock:
                self.cloud.decide(version, status)
                self.decisions.made.append((version, status))
        elif action == "edit":
            self._num_edits += 1
            self.cloud.client("sagemaker").update_model_package(
                ModelPackageArn=version,
                CustomerMetadataProperties={"note": str(self._num_edits)},
            )
        elif action == "replay":
            self.replay(version)
        elif action == "kill":
            self.kill()
        else:
            time.sleep(0.5)

    def replay(self, version: str) -> None:
        """The event of an approval, once more and perhaps too late."""
        detail = {"ModelPackageArn": version, "ModelApprovalStatus": "Approved"}
        self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"],
            input=json.dumps({"detail": detail}),
        )

    def kill(self) -> None:
        """Stop whatever runs, wherever it is."""
        states = self.cloud.client("stepfunctions")
        for arn in self._running():
            states.stop_execution(executionArn=arn)

    def _follow(
        self, plan: list[str], before: str, versions: list[str], chance: random.Random
    ) -> None:
        for action in plan:
            # An edit at the moment of an approval can't be told from it.
            self.act(action, before if action == "edit" else chance.choice(versions))
            time.sleep(chance.random() * 0.7)

    def faults(self) -> list[str]:
        """What does not hold once all is quiet, of all that was decided so far."""
        ended = self.settle()
        record, serving = self.cloud.release_record(), self.cloud.serving()
        found = self.decisions.faults(serving)
        if serving != record.get("released_model_package_arn"):
            found.append(f"{serving} serves, but {record} is recorded")
        if "claimed_by" in record:
            found.append(f"a claim was left behind: {record}")
        unapproved = set(self.models()) - {
            arn for arn, said in self.decisions.made if said == "Approved"
        }
        found += [f"{arn} was made a model and never approved" for arn in unapproved]
        found += [f"{arn} was made {n} models" for arn, n in self.models().items() if n > 1]
        found += [
            f"a release failed: {one.get('error')}: {one.get('cause')}"
            for one in ended
            if not is_as_it_should_be(one)
        ]
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
    """Whether a release has succeeded, was killed, or was refused a version just rejected."""
    # Rejected between the release's look and its CreateModel.
    refused = "its approval status is Rejected" in release.get("cause", "")
    return release["status"] in ("SUCCEEDED", "ABORTED") or refused


def hesitate(states: dict[str, Any]) -> None:
    """No fault: time passes between the last look and giving the claim back."""
    states["NextStep"]["Default"] = "Hesitate"
    states["Hesitate"] = {"Type": "Wait", "Seconds": 2, "Next": "GiveClaimBack"}


def overlook(states: dict[str, Any]) -> None:
    """Without another look for those who asked since the last one."""
    arguments = states["GiveClaimBack"]["Arguments"]
    arguments["ConditionExpression"] = "claimed_by = :run"
    del arguments["ExpressionAttributeValues"][":looks"]


def keep_claim(states: dict[str, Any]) -> None:
    states["AnnounceRelease"]["Next"] = "Settled"


def serve_without_recording(states: dict[str, Any]) -> None:
    arguments = states["RecordRelease"]["Arguments"]
    arguments["UpdateExpression"] = "SET #release = :release, served = :served"
    for name in (":package", ":now"):
        del arguments["ExpressionAttributeValues"][name]


Trial = Callable[[Races], list[str]]
# What is planted, and what a person does that it shows in.
PLANTED: dict[str, tuple[tuple[Plant, ...], Trial]] = {
    "overlook": ((hesitate, overlook), lambda races: races.approve_during("Hesitate")),
    "keep claim": ((keep_claim,), lambda races: races.approve_in_a_row([0])),
    # The last one: the record says the release is done, so that nothing puts it right.
    "serve without recording": (
        (serve_without_recording,),
        lambda races: races.approve_in_a_row([0]),
    ),
}
