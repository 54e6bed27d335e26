"""Campaign: versions with faults, released under load. What serves goes on serving meanwhile."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from localcloud.check import Assembly

from cli.rollback import Rollback
from tests.campaigns.approvals import Plant
from tests.e2e.loop_cloud import (
    DEADLINE_SECONDS,
    MODEL,
    NAME,
    NO_STORE,
    LoopCloud,
    loop_cloud,
    synthesize_trial,
)
from tests.e2e.quick_loop import import_nothing_ahead

GOOD = "good"
# What nobody need wait for to be sure of: it shows itself before any caller asks.
AT_ONCE = (
    *("does-not-start", "wrong-hash", "out-of-memory"),
    *("crashes-on-first-request", "server-errors", "hangs"),
)
# What shows itself to callers only: their questions are others than the smoke test's.
TO_CALLERS = ("slow", "empty", "repeats", "guarded")
FAULTS = (*AT_ONCE, *TO_CALLERS)
ASKED, FORBIDDEN = "締め切りはいつですか", "社外秘"
NUM_CALLERS, PAUSE_SECONDS = 3, 0.03
ALARM_SECONDS, BAKE_SECONDS = 300, 900
# Of the new version: above what its alarms want before they say anything.
ENOUGH_ANSWERS = 30
# Longer than an alarm takes that has something to ring for, on a busy machine.
TAKEN_BACK_SECONDS = 40
# Two instances, of which one is the canary.
ENDPOINT = {
    "min_instances": 2,
    "max_instances": 2,
    "release": {
        "traffic": "canary",
        "canary_percent": 50,
        "bake_seconds": BAKE_SECONDS,
        "poll_seconds": 1,
        "maximum_latency_seconds": 1,
    },
}
SERVER = '''
"""Answers like a model server, with the fault that the model's archive names."""
import hashlib
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "model")
with open(os.path.join(MODEL, "fault")) as file:
    FAULT = file.read()
SAID = "毎月10日までに、人事のシステムから申請してください。"
VERSION = "model-version=" + os.environ["MODEL_VERSION"]


def said(asked):
    if "締め切り" not in asked["messages"][-1]["content"]:
        return SAID
    if FAULT == "slow":
        time.sleep(1.5)
    faulty = {"empty": "", "repeats": "はい、そうです。" * 40, "guarded": "社外秘です。"}
    return faulty.get(FAULT, SAID)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send(b"{}")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if FAULT == "crashes-on-first-request":
            os._exit(1)
        if FAULT == "server-errors":
            return self.send(b"{}", 500)
        if FAULT == "hangs":
            # Longer than anybody waits here.
            time.sleep(9)
            os._exit(1)
        choice = {"index": 0, "finish_reason": "stop"}
        message = {"role": "assistant", "content": said(asked)}
        completion = {
            "system_fingerprint": f"{FAULT}-{os.getpid()}",
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        }
        if not asked.get("stream"):
            choices = [{**choice, "message": message}]
            return self.send(json.dumps({**completion, "choices": choices}).encode())
        chunk = json.dumps({**completion, "choices": [{**choice, "delta": message}]})
        self.send(f"data: {chunk}\\n\\ndata: [DONE]\\n\\n".encode())

    def send(self, content, status=200):
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", VERSION)
        self.end_headers()
        self.wfile.write(content)


if FAULT == "does-not-start":
    sys.exit("The model is broken.")
with open(os.path.join(MODEL, "weights"), "rb") as file:
    found = hashlib.sha256(file.read()).hexdigest()
with open(os.path.join(MODEL, "sha256")) as file:
    if file.read() != found:
        sys.exit(f"The weights have another hash: {found}")
if FAULT == "out-of-memory":
    os.kill(os.getpid(), signal.SIGKILL)
address = (os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
'''
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def archive(fault: str) -> bytes:
    """A model.tar.gz whose server has the fault."""
    files = {
        "fault": fault,
        "weights": "",
        "sha256": "0" * 64 if fault == "wrong-hash" else EMPTY_HASH,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(text.encode())
            tar.addfile(about, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def bad_versions(folder: Path, seed: int = 0) -> Iterator[BadVersions]:
    """An environment of its own with a version that serves, and callers who ask all the while."""
    folder.mkdir(exist_ok=True)
    assembly = synthesize_trial(folder, ENDPOINT, {"words": [FORBIDDEN]})
    served = Path(shutil.copytree(assembly, folder / "served"))
    for image in Assembly.load(served).images.values():
        main = image.directory / "inference_containers" / "text" / "__main__.py"
        if main.exists():
            main.write_text(SERVER)
            import_nothing_ahead(image.directory / image.docker_file)
    with loop_cloud(served, folder / "log") as cloud:
        good = cloud.register(cloud.put_model(archive(GOOD), "runs/good/model.tar.gz"))
        cloud.decide(good, "Approved")
        cloud.loop.released(good)
        load = Load(cloud)
        with load.going_on():
            yield BadVersions(cloud, load, good, seed)


@dataclass
class Load:
    """Callers who ask one question after another; `given` counts answers by who gave them."""

    cloud: LoopCloud
    given: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        callers = [threading.Thread(target=self._ask, args=(n,)) for n in range(NUM_CALLERS)]
        for caller in callers:
            caller.start()
        try:
            yield
        finally:
            self._stopping.set()
            for caller in callers:
                caller.join()

    def _ask(self, number: int) -> None:
        session = requests.Session()
        session.headers.update(
            {"authorization": f"Bearer {self.cloud.account.api_key}", **NO_STORE}
        )
        url = f"{self.cloud.outputs['ApiBase']}/chat/completions"
        while not self._stopping.wait(PAUSE_SECONDS):
            body = {"model": MODEL, "messages": [{"role": "user", "content": ASKED}]}
            try:
                response = session.post(url, json=body | {"max_tokens": 99}, timeout=60)
                said = response.json()
            except (requests.RequestException, ValueError) as error:
                self.lost.append(f"caller {number}: {error}")
                continue
            if response.status_code == 200:
                self.given[said["system_fingerprint"]] += 1
            else:
                self.lost.append(f"caller {number}: {response.status_code} {response.text[:200]}")


@dataclass
class BadVersions:
    """Trials on one environment; `caught` counts by what took each fault back."""

    cloud: LoopCloud
    load: Load
    good: str
    seed: int = 0
    caught: Counter[str] = field(default_factory=Counter)

    def trial(self, number: int) -> list[str]:
        """Release a version with a fault; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number // len(FAULTS)}")
        order = chance.sample(FAULTS, len(FAULTS))
        return self.release(order[number % len(FAULTS)])

    def stop_a_release(self) -> list[str]:
        """Roll back while another version is a canary; what did not hold."""
        other = self.cloud.register(self.cloud.put_model(archive(GOOD), "runs/good/model.tar.gz"))
        num_lost = len(self.load.lost)
        self.cloud.decide(other, "Approved")
        self.cloud.wait(lambda: self._is_updating() or None, "the canary")
        rollback = Rollback(self.cloud.account, MODEL)
        way = rollback.find_way()
        after = rollback.go(way, "hana", "the numbers are wrong")
        self._end_period(60)
        rollback.wait(way, after, DEADLINE_SECONDS, time.sleep)
        self._wait_until_settled()
        self._wait_until_quiet()
        faults = [] if way.stopped == other else [f"it was to stop {way.stopped}"]
        if self.cloud.serving() != self.good:
            faults.append(f"{self.cloud.serving()} serves")
        return faults + self.load.lost[num_lost:]

    def _is_updating(self) -> bool:
        endpoint = self.cloud.client("sagemaker").describe_endpoint(
            EndpointName=self.cloud.outputs["EndpointName"]
        )
        return bool(endpoint["EndpointStatus"] == "Updating")

    def release(self, fault: str) -> list[str]:
        key = f"runs/{fault}/model.tar.gz"
        bad = self.cloud.register(self.cloud.put_model(archive(fault), key))
        before = self._state()
        given, num_lost = Counter(self.load.given), len(self.load.lost)
        self.cloud.decide(bad, "Approved")
        if fault in TO_CALLERS:
            self._let_alarms_see(bad)
        faults = self._wait_for_end(bad, num_lost)
        new = self.load.given - given
        of_bad = sum(number for who, number in new.items() if who.startswith(fault))
        if fault in AT_ONCE and of_bad:
            faults.append(f"{of_bad} callers were answered by it")
        if lost := self.load.lost[num_lost:]:
            faults.append(f"{len(lost)} requests were lost: {lost[0]}")
        if not faults and self._state() != before:
            faults.append(f"what serves has changed: {before} became {self._state()}")
        if fault in TO_CALLERS or lost:
            self._wait_until_quiet()
        self.caught[fault] += not faults
        return [f"{fault}: {one}" for one in faults]

    def _state(self) -> dict[str, Any]:
        """What serves: by the registry's word, the endpoint's, and its processes'."""
        sagemaker, name = self.cloud.client("sagemaker"), self.cloud.outputs["EndpointName"]
        seen = Counter(self.load.given)
        self.cloud.wait(lambda: (self.load.given - seen).total() > 10 or None, "some answers")
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        counts = [one["CurrentInstanceCount"] for one in endpoint["ProductionVariants"]]
        listed = sagemaker.list_endpoints()["Endpoints"]
        return {
            "serving": self.cloud.serving(),
            "released": self.cloud.release_record()["released_model_package_arn"],
            "config": endpoint["EndpointConfigName"],
            "instances": counts,
            "endpoints": sorted(one["EndpointName"] for one in listed),
            "processes": sorted(self.load.given - seen),
        }

    def _let_alarms_see(self, bad: str) -> None:
        """Until the new version has answered enough, and then to the end of the alarms' period."""
        self.cloud.wait(lambda: self._is_updating() or None, "the canary")
        # Of the answers that the alarms look at, those of before it would be most.
        self._end_period()
        began = self._now()

        def has_answered() -> bool | None:
            if self._has_failed(bad):
                return True
            return self._num_measured(began) >= ENOUGH_ANSWERS or None

        self.cloud.wait(has_answered, "answers of the new version")
        self._end_period()

    def _end_period(self, seconds: int = ALARM_SECONDS) -> None:
        """To where alarms look back on what is now."""
        now = self._now().timestamp()
        self.cloud.account.advance_clock(seconds - now % seconds + 1)

    def _num_measured(self, since: datetime) -> float:
        dimensions = {"environment": NAME, "model": MODEL, "version": "new"}
        points = self.cloud.client("cloudwatch").get_metric_statistics(
            Namespace="Meguru",
            MetricName="EmptyAnswer",
            Dimensions=[{"Name": name, "Value": text} for name, text in dimensions.items()],
            # Of the period that has begun.
            StartTime=since,
            EndTime=since + timedelta(hours=1),
            Period=ALARM_SECONDS,
            Statistics=["SampleCount"],
        )["Datapoints"]
        return max([point["SampleCount"] for point in points], default=0)

    def _wait_for_end(self, bad: str, num_lost: int) -> list[str]:
        """Until it is taken back. Who bakes to the end had nothing to ring for it."""
        deadline, is_seen = time.monotonic() + TAKEN_BACK_SECONDS, False
        while time.monotonic() < deadline:
            if self._has_failed(bad):
                self._wait_until_settled()
                return []
            if not is_seen and len(self.load.lost) > num_lost + ENOUGH_ANSWERS:
                # It should never have come so far: for the next trial the alarms take it back.
                self._end_period()
                is_seen = True
            time.sleep(0.2)
        self.cloud.account.advance_clock(BAKE_SECONDS)
        self._wait_until_settled()
        # The next trial begins with what is good.
        if self.cloud.serving() != self.good:
            self.cloud.decide(
                self.good, "Approved", ApprovalDescription="Rollback by a campaign: x"
            )
            self.cloud.loop.released(self.good)
        return ["it was not taken back, and reached full traffic"]

    def _has_failed(self, bad: str) -> bool:
        failed = self.cloud.release_record().get("failed_release", {})
        return bool(failed) and failed["package"]["S"] == bad

    def _wait_until_settled(self) -> None:
        sagemaker = self.cloud.client("sagemaker")

        def is_settled() -> bool | None:
            is_alone = len(sagemaker.list_endpoints()["Endpoints"]) == 1
            return (is_alone and "claimed_by" not in self.cloud.release_record()) or None

        self.cloud.wait(is_settled, "the claim back, and the smoke test's endpoint gone")

    def _wait_until_quiet(self) -> None:
        """Past the periods that an alarm looks back on, where newer ones have no data."""
        self.cloud.account.advance_clock(4 * ALARM_SECONDS)

        def is_quiet() -> bool | None:
            alarms = self.cloud.client("cloudwatch").describe_alarms(StateValue="ALARM")
            return not alarms["MetricAlarms"] or None

        self.cloud.wait(is_quiet, "quiet alarms")

    def _now(self) -> datetime:
        """The cloud's time."""
        url = f"{self.cloud.endpoint_url}/_localcloud/clock"
        answer = requests.post(url, json={"advance_seconds": 0}, timeout=10).json()
        return datetime.fromisoformat(answer["now"]).astimezone(UTC)

    @contextmanager
    def planted(self, plant: Plant) -> Iterator[None]:
        """Within, the release workflow is so changed."""
        whole = self.cloud.definition("DeployModelVersion")
        faulty = copy.deepcopy(whole)
        plant(faulty["States"])
        self._define(faulty)
        yield
        self._define(whole)

    def _define(self, workflow: dict[str, Any]) -> None:
        self.cloud.client("stepfunctions").update_state_machine(
            stateMachineArn=self.cloud.outputs["DeployModelVersionArn"],
            definition=json.dumps(workflow),
        )


def heed_no_alarm(states: dict[str, Any]) -> None:
    policy = "{% {'BlueGreenUpdatePolicy': $plan.deployment.BlueGreenUpdatePolicy} %}"
    states["UpdateEndpoint"]["Arguments"]["DeploymentConfig"] = policy


def pass_every_test(states: dict[str, Any]) -> None:
    recorded = states["RecordSmokeTest"]["Arguments"]["ExpressionAttributeValues"][":test"]["M"]
    recorded["failure"] = {"S": ""}


# What is planted, and a fault that it lets through.
PLANTED: dict[str, tuple[Plant, str]] = {
    "heed no alarm": (heed_no_alarm, "empty"),
    "pass every smoke test": (pass_every_test, "server-errors"),
}
Trial = Callable[[BadVersions], list[str]]
