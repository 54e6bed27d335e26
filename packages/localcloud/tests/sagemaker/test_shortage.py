"""Instances that are out of stock: spot capacity is waited for, on demand a job fails."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench


def set_capacity(bench: Bench, **body: object) -> None:
    address = f"{bench.cloud.endpoint_url}/_localcloud/capacity"
    urllib.request.urlopen(address, json.dumps(body).encode()).close()


def start(bench: Bench, name: str) -> None:
    limits = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200}
    image = bench.image("quick", "pass")
    bench.train(name, image, EnableManagedSpotTraining=True, StoppingCondition=limits)


def test_a_job_on_demand_fails_at_once(bench: Bench) -> None:
    set_capacity(bench, instance_type="ml.m5.large", spot=False, available=False)
    bench.train("none", bench.image("quick", "pass"))
    job = bench.finished("none")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("CapacityError: Unable to provision")
    start(bench, "spot")
    assert bench.finished("spot")["TrainingJobStatus"] == "Completed"
    set_capacity(bench, instance_type="ml.m5.large", spot=False, available=True)
    bench.train("some", bench.image("quick", "pass"))
    assert bench.finished("some")["TrainingJobStatus"] == "Completed"


def test_a_spot_job_waits_for_as_long_as_it_may(bench: Bench) -> None:
    set_capacity(bench, instance_type="ml.m5.large", spot=True, available=False)
    for name in ("patient", "late"):
        start(bench, name)
    set_capacity(bench, instance_type="ml.m5.xlarge", spot=True, available=True)
    bench.cloud.account.clock.advance(timedelta(seconds=1100))
    assert bench.describe("patient")["SecondaryStatus"] == "Starting"
    bench.cloud.account.clock.advance(timedelta(seconds=200))
    for name in ("patient", "late"):
        job = bench.finished(name)
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == (
            "Stopped",
            "MaxWaitTimeExceeded",
        )
    start(bench, "in-time")
    set_capacity(bench, instance_type="ml.m5.large", spot=True, available=True)
    assert bench.finished("in-time")["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    "body",
    [
        {"instance_type": "m5.large", "spot": True, "available": True},
        {"instance_type": "ml.m5.large", "spot": "yes", "available": True},
        {"instance_type": "ml.m5.large", "spot": True},
    ],
)
def test_what_is_not_said_is_refused(bench: Bench, body: dict[str, object]) -> None:
    with pytest.raises(HTTPError) as error:
        set_capacity(bench, **body)
    assert error.value.code == 400
