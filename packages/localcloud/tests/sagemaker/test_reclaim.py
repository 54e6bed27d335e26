"""Managed spot training: reclaimed at any moment, the job goes on from its checkpoints."""

from __future__ import annotations

import json
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

# Counts to 40 with a checkpoint each step; a half-written file lies beside it at any time.
COUNTER = """
import json, os, time, signal, sys
root = os.environ["SAGEMAKER_BASE_DIR"]
folder = f"{root}/checkpoints"
config = json.load(open(f"{root}/input/config/resourceconfig.json"))
rank = config["hosts"].index(config["current_host"])
path = f"{folder}/step-{rank}.json"
step = json.load(open(path))["step"] if os.path.exists(path) else 0
print("from", step, flush=True)
starts = f"{folder}/starts-{rank}"
with open(starts, "a") as file:
    file.write(f"{step}\\n")
while step < 40:
    step += 1
    with open(path + ".partial", "w") as file:
        file.write('{"step": ')
        file.flush()
        time.sleep(0.05)
        file.write(f"{step}}}")
    os.rename(path + ".partial", path)
json.dump({"step": step, "starts": open(starts).read().split()}, open(f"{root}/model/{rank}", "w"))
"""
# Its last step waits for a third start: however late a reclaim comes, it comes in time.
HELD_COUNTER = COUNTER.replace(
    "    step += 1\n",
    "    while step == 39 and len(open(starts).read().split()) < 3:\n"
    "        time.sleep(0.05)\n"
    "    step += 1\n",
)


def _spot(bench: Bench, name: str, image: str, hosts: int = 2) -> None:
    bench.train(
        name,
        image,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
        CheckpointConfig={"S3Uri": f"s3://lake/checkpoints/{name}"},
        OutputDataConfig={"S3OutputPath": "s3://lake/runs", "CompressionType": "NONE"},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": hosts,
            "VolumeSizeInGB": 1,
        },
    )


def _reclaim(bench: Bench, name: str) -> None:
    address = f"{bench.cloud.endpoint_url}/_localcloud/spot/reclaim"
    urllib.request.urlopen(address, json.dumps({"training_job": name}).encode()).close()


def _interruptions(job: Any) -> Any:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]].count("Interrupted")


def _num_starts(bench: Bench, name: str) -> Any:
    found = [f"checkpoints/{name}/starts-{rank}" for rank in (0, 1)]
    if not set(found) <= set(bench.keys(f"checkpoints/{name}/")):
        return []
    return [len(bench.read(key).split()) for key in found]


def test_goes_on_from_the_checkpoints_on_both_hosts_twice(bench: Bench) -> None:
    _spot(bench, "counts", bench.image("counter", HELD_COUNTER))
    for number in (1, 2):
        bench.wait_for(partial(lambda n: _num_starts(bench, "counts") == [n, n], number))
        _reclaim(bench, "counts")
        bench.wait_for(partial(lambda n: _interruptions(bench.describe("counts")) == n, number))
    job = bench.finished("counts")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    for rank in (0, 1):
        result = json.loads(bench.read(f"runs/counts/output/model/{rank}"))
        starts = [int(start) for start in result["starts"]]
        assert result["step"] == 40 and len(starts) == 3
        assert starts[0] == 0 < starts[1] <= starts[2]
    assert bench.cloud.account.processes._running == {}


def test_before_training_starts(bench: Bench) -> None:
    _spot(bench, "early", bench.image("counter", COUNTER), hosts=1)
    _reclaim(bench, "early")
    job = bench.finished("early")
    assert job["TrainingJobStatus"] == "Completed"
    assert _interruptions(job) == 1


def test_while_artefacts_go_up(bench: Bench) -> None:
    program = COUNTER + "\nopen(f'{root}/model/big', 'wb').write(os.urandom(25_000_000))\n"
    _spot(bench, "late", bench.image("counter", program), hosts=1)
    bench.wait_for(lambda: bench.describe("late")["SecondaryStatus"] == "Uploading")
    _reclaim(bench, "late")
    job = bench.finished("late")
    assert job["TrainingJobStatus"] == "Completed"
    assert _interruptions(job) == 1
    assert json.loads(bench.read("runs/late/output/model/0"))["starts"] == ["0", "40"]


def test_who_ignores_the_notice_is_killed(bench: Bench) -> None:
    bench.service.spot_notice_seconds = 0.3
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + COUNTER
    _spot(bench, "deaf", bench.image("deaf", deaf), hosts=1)
    bench.in_training("deaf")
    bench.wait_for(lambda: bench.keys("checkpoints/deaf/step-0.json"))
    _reclaim(bench, "deaf")
    job = bench.finished("deaf")
    assert _interruptions(job) == 1 and job["TrainingJobStatus"] == "Completed"


def test_refused_where_there_is_no_spot_capacity(bench: Bench) -> None:
    service = bench.service
    with pytest.raises(ValueError, match="there is no training job nobody"):
        service.reclaim("nobody")
    bench.train("on-demand", bench.image("quick", "pass"))
    with pytest.raises(ValueError, match="runs on demand"):
        service.reclaim("on-demand")
    bench.finished("on-demand")
    _spot(bench, "over", bench.image("counter", "pass"), hosts=1)
    bench.finished("over")
    with pytest.raises(ValueError, match="is Completed"):
        service.reclaim("over")
