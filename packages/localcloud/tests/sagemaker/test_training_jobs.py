"""Training jobs from creation to artefacts."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

TWO_HOSTS = """
import json, os, sys
root = os.environ["SAGEMAKER_BASE_DIR"]
config = json.load(open(f"{root}/input/config/resourceconfig.json"))
values = json.load(open(f"{root}/input/config/hyperparameters.json"))
files = sorted(os.listdir(f"{root}/input/data/train"))
seen = {"hosts": config["hosts"], "values": values, "files": files, "argv": sys.argv[1:],
        "name": os.environ["TRAINING_JOB_NAME"], "leaked": os.environ.get("LEAKED")}
index = config["hosts"].index(config["current_host"])
json.dump(seen, open(f"{root}/model/host-{index}.json", "w"))
open(f"{root}/output/data/note.txt", "w").write("done")
print("loss=0.75", flush=True)
print("loss=0.25", flush=True)
"""


def _members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore


def test_two_hosts_see_each_other_and_share_the_data(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    for number in range(4):
        bench.s3.put_object(Bucket="lake", Key=f"data/{number}.txt", Body=b"x")
    image = bench.image("two-hosts", TWO_HOSTS)
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": "s3://lake/data",
        "S3DataDistributionType": "ShardedByS3Key",
    }
    bench.train(
        "two",
        image,
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "FastFile",
            "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=([\d.]+)"}],
        },
        HyperParameters={"folder": "/opt/ml/input/data/train", "epochs": "3"},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    job = bench.finished("two")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    phases = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert phases == ["Starting", "Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["FinalMetricDataList"][0]["Value"] == 0.25
    found = bench.cloud.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/TrainingJobs")
    assert [(one["MetricName"], one["Dimensions"]) for one in found["Metrics"]] == [
        ("loss", [{"Name": "TrainingJobName", "Value": "two"}])
    ]
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == "s3://lake/runs/two/output/model.tar.gz"
    model = _members(bench.read("runs/two/output/model.tar.gz"))
    first, second = json.loads(model["host-0.json"]), json.loads(model["host-1.json"])
    assert first["hosts"] == second["hosts"] and len(set(first["hosts"])) == 2
    assert (first["files"], second["files"]) == (["0.txt", "2.txt"], ["1.txt", "3.txt"])
    assert first["values"]["folder"].endswith("algo-1/opt/ml/input/data/train")
    assert first["argv"] == ["train"] and first["name"] == "two" and first["leaked"] is None
    assert _members(bench.read("runs/two/output/output.tar.gz")) == {"note.txt": b"done"}
    logs = bench.cloud.client("logs")
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="two/"
    )["logStreams"]
    assert [s["logStreamName"].rsplit("-", 1)[0] for s in streams] == ["two/algo-1", "two/algo-2"]
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=streams[0]["logStreamName"]
    )["events"]
    assert [event["message"] for event in events] == ["loss=0.75", "loss=0.25"]


FAILING = """
import os, sys, json, time
root = os.environ["SAGEMAKER_BASE_DIR"]
config = json.load(open(f"{root}/input/config/resourceconfig.json"))
if config["hosts"].index(config["current_host"]) == 0:
    time.sleep(600)
open(f"{root}/output/failure", "w").write("the data is empty" + "!" * 2000)
sys.exit(3)
"""


def test_every_change_of_status_is_an_event(bench: Bench) -> None:
    bench.train("eventful", bench.image("quick", "pass"), Tags=[{"Key": "team", "Value": "a"}])
    bench.finished("eventful")
    events = [e for e in bench.events.emitted if e.get("TrainingJobName") == "eventful"]
    assert events[0]["SecondaryStatus"] == "Starting"
    assert events[-1]["TrainingJobStatus"] == events[-1]["SecondaryStatus"] == "Completed"
    assert events[-1]["Tags"] == {"team": "a"}
    assert events[-1]["CreationTime"] > 1_600_000_000_000


def test_one_failing_host_fails_the_job_and_ends_the_others(bench: Bench) -> None:
    bench.train(
        "fails",
        bench.image("failing", FAILING),
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    job = bench.finished("fails")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: the data is empty!!")
    assert job["FailureReason"].endswith(", exit code: 3")
    assert "ModelArtifacts" not in job
    assert bench.cloud.account.processes._running == {}


def test_without_a_failure_file_the_end_of_the_log_is_the_reason(bench: Bench) -> None:
    bench.train("raises", bench.image("raising", "raise KeyError('no such column')"))
    reason = bench.finished("raises")["FailureReason"]
    assert "KeyError: 'no such column'" in reason and "exit code: 1" in reason


SLEEPER = """
import os, signal, sys, time
root = os.environ["SAGEMAKER_BASE_DIR"]
def stop(*_):
    open(f"{root}/model/partial", "w").write("as far as it got")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""


def _ready(bench: Bench, name: str) -> None:
    bench.in_training(name)
    logs = bench.cloud.client("logs")

    def said_ready() -> bool:
        try:
            found = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
        except ClientError:
            return False
        return any(e["message"] == "ready" and name in e["logStreamName"] for e in found)

    bench.wait_for(said_ready)


def test_stopping_keeps_what_the_job_saved(bench: Bench) -> None:
    bench.train("stopped", bench.image("sleeper", SLEEPER))
    _ready(bench, "stopped")
    bench.sagemaker.stop_training_job(TrainingJobName="stopped")
    job = bench.finished("stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "Stopping" in [each["Status"] for each in job["SecondaryStatusTransitions"]]
    model = _members(bench.read("runs/stopped/output/model.tar.gz"))
    assert model == {"partial": b"as far as it got"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        bench.sagemaker.stop_training_job(TrainingJobName="stopped")


def test_the_time_limit_ends_the_job_as_stopped(bench: Bench) -> None:
    bench.train("long", bench.image("sleeper", SLEEPER))
    _ready(bench, "long")
    bench.cloud.clock.advance(timedelta(seconds=590))
    assert bench.describe("long")["TrainingJobStatus"] == "InProgress"
    bench.cloud.clock.advance(timedelta(seconds=20))
    job = bench.finished("long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] >= 600


def test_a_role_without_grants_is_refused_by_action(bench: Bench) -> None:
    bench.s3.put_object(Bucket="lake", Key="data/a", Body=b"x")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/data/"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    image = bench.image("unused", "pass")
    nobody = bench.role("nobody", "logs:*")
    with pytest.raises(ClientError, match="s3:ListBucket"):
        bench.train("a", image, RoleArn=nobody, InputDataConfig=[channel])
    lister = bench.role("lister", "s3:ListBucket")
    bench.train("b", image, RoleArn=lister, InputDataConfig=[channel])
    job = bench.finished("b")
    assert job["TrainingJobStatus"] == "Failed"
    assert "Data download failed" in job["FailureReason"]
    assert "s3:GetObject" in job["FailureReason"]
    reader = bench.role("reader", "s3:ListBucket", "s3:GetObject")
    bench.train("c", image, RoleArn=reader, InputDataConfig=[channel])
    assert "s3:PutObject" in bench.finished("c")["FailureReason"]


_VOLUME = {"VolumeSizeInGB": 1}
_SIZE = _VOLUME | {"InstanceType": "ml.m5.large", "InstanceCount": 1}
_GROUP = {"InstanceGroupName": "cpu", "InstanceType": "ml.m5.large", "InstanceCount": 1}
_CHANNEL_OF_A_GROUP = {
    "ChannelName": "train",
    "DataSource": {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": "s3://lake/train/",
            "InstanceGroupNames": ["gpu"],
        }
    },
}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"TrainingJobName": "no_underscores"}, "regular expression"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody-here"}, "Could not assume role"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2",
                    "TrainingInputMode": "File",
                }
            },
            "is no image asset",
        ),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/none/"}
                        },
                    }
                ]
            },
            "No S3 objects found",
        ),
        ({"HyperParameters": {f"p{number}": "1" for number in range(101)}}, "equal to 100"),
        ({"OutputDataConfig": {"S3OutputPath": "https://lake/runs"}}, "is no S3 URI"),
        ({"CheckpointConfig": {"S3Uri": "https://lake/kept"}}, "is no S3 URI"),
        ({"ResourceConfig": _SIZE | {"InstanceGroups": [_GROUP]}}, "together with InstanceGroups"),
        ({"ResourceConfig": _VOLUME | {"InstanceGroups": [_GROUP, _GROUP]}}, "must be unique"),
        ({"ResourceConfig": _SIZE | {"InstanceCount": 300}}, "from 1 to 250 instances"),
        ({"InputDataConfig": [_CHANNEL_OF_A_GROUP]}, "no instance group gpu"),
    ],
)
def test_what_aws_refuses_at_creation(bench: Bench, members: dict[str, Any], message: str) -> None:
    image = bench.image("unused", "pass")
    with pytest.raises(ClientError, match=message) as raised:
        bench.train("refused", image, **members)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    listed = bench.sagemaker.list_training_jobs(NameContains="refused")
    assert listed["TrainingJobSummaries"] == []


def test_a_name_is_used_once(bench: Bench) -> None:
    image = bench.image("quick", "pass")
    bench.train("once", image)
    with pytest.raises(ClientError, match="already exists") as raised:
        bench.train("once", image)
    assert raised.value.response["Error"]["Code"] == "ResourceInUse"
    bench.finished("once")


@pytest.mark.parametrize(
    "manifest", [b"5", b"[]", b'[{"prefix": 5}, "a"]', b'[{"prefix": "s3://lake/"}, {"a": 1}]']
)
def test_a_manifest_that_is_none_fails_the_job(bench: Bench, manifest: bytes) -> None:
    key = f"manifests/{len(manifest)}"
    bench.s3.put_object(Bucket="lake", Key=key, Body=manifest)
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://lake/{key}"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    name = f"manifest-{len(manifest)}"
    bench.train(name, bench.image("unused", "pass"), InputDataConfig=[channel])
    assert "Data download failed: the manifest" in bench.finished(name)["FailureReason"]


@pytest.mark.parametrize("what", ["Data", "Checkpoint"])
def test_a_key_that_no_file_takes_fails_the_job_as_the_client_s(bench: Bench, what: str) -> None:
    for key in ("faq", "faq/a.csv"):
        bench.s3.put_object(Bucket="lake", Key=f"{what}/{key}", Body=b"x")
    uri = f"s3://lake/{what}/"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    given: dict[str, Any] = {
        "Data": {"InputDataConfig": [channel]},
        "Checkpoint": {"CheckpointConfig": {"S3Uri": uri}},
    }
    bench.train(f"keys-{what}", bench.image("unused", "pass"), **given[what])
    assert bench.finished(f"keys-{what}")["FailureReason"] == (
        f"ClientError: {what} download failed: the S3 key {what}/faq can't be a file's name, as it "
        f"is also the folder of {what}/faq/a.csv: rename the object"
    )


def test_a_checkpoint_that_s3_cannot_name_fails_the_job(bench: Bench) -> None:
    program = (
        "import os, time\n"
        "open(os.environ['SAGEMAKER_BASE_DIR'] + '/checkpoints/\\udcff', 'w').close()\n"
        "time.sleep(30)\n"
    )
    image = bench.image("unnameable", program)
    bench.train("unnameable", image, CheckpointConfig={"S3Uri": "s3://lake/unnameable"})
    job = bench.finished("unnameable")
    assert job["TrainingJobStatus"] == "Failed"
