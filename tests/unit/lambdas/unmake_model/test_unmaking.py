"""What is unmade, in which order, and what is others'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.unmake_model.unmaking import Unmaking

NAME, RUN = "meguru-poc--a", "0123456789ab"
OWN = f"{NAME}-{RUN}"


def run(unmaking: Unmaking) -> list[list[str]]:
    """Every step's rest, until there is none."""
    rests = []
    while left := unmaking.step():
        rests.append(left)
        assert len(rests) < 10, left
    return rests


def test_all_of_the_model_goes_and_nothing_else(
    fake: Any, make_unmaking: Callable[..., Unmaking]
) -> None:
    others = fake.made - {OWN}
    rests = run(make_unmaking())
    assert rests[0] == [
        "execution one",
        f"training job {OWN}",
        f"endpoint {NAME}, which was InService",
    ]
    assert f"endpoint {NAME}, which was Deleting" in rests[1]
    assert (fake.configs, fake.models, fake.executions) == (others, others, [])
    assert {name for name, status in fake.jobs.items() if status == "InProgress"} == others
    assert fake.targets == [f"endpoint/{NAME}-b/variant/AllTraffic"]
    assert fake.alarms == [f"TargetTracking-endpoint/{NAME}-b/variant/AllTraffic/High"]
    assert (fake.versions, fake.releases) == ([], {"meguru-poc--b"})
    assert fake.streams == {f"{name}/algo-1" for name in others}


def test_the_order(fake: Any, make_unmaking: Callable[..., Unmaking]) -> None:
    """Nothing makes anew what is unmade; SageMaker takes no config from under an endpoint."""
    run(make_unmaking())
    assert fake.done == ["execution", "job", "target", "endpoint", "config", "model"]


def test_what_an_endpoint_hosts_goes_before_it(
    fake: Any, make_unmaking: Callable[..., Unmaking]
) -> None:
    fake.component, fake.is_scaling = "InService", True
    fake.targets = [f"inference-component/{one}" for one in (NAME, f"{NAME}-b")]
    of_others = [f"{NAME}-wakeful-wake", f"TargetTracking-inference-component/{NAME}-b-AlarmLow-1"]
    own = [f"{NAME}-wake", f"TargetTracking-inference-component/{NAME}-AlarmLow-1"]
    fake.alarms = [*own, *of_others]
    rests = run(make_unmaking())
    assert rests[0][-1] == f"inference component {NAME}, which was InService"
    assert not any("endpoint" in one for rest in rests[:3] for one in rest)
    assert [one for one in fake.done if one in ("target", "component", "endpoint")] == [
        *("target", "component", "endpoint")
    ]
    assert fake.targets == [f"inference-component/{NAME}-b"]
    assert fake.alarms == of_others


def test_versions_and_logs_are_kept(fake: Any, make_unmaking: Callable[..., Unmaking]) -> None:
    versions, streams = list(fake.versions), set(fake.streams)
    run(make_unmaking(keeps_versions=True))
    assert (fake.versions, fake.streams) == (versions, streams)
    assert OWN not in fake.models | fake.configs


def test_an_endpoint_that_is_just_made_is_waited_for(
    fake: Any, make_unmaking: Callable[..., Unmaking]
) -> None:
    fake.endpoint = "Creating"
    unmaking = make_unmaking()
    unmaking.step()
    assert unmaking.step()[-1] == f"endpoint {NAME}, which was Creating"
    assert OWN in fake.configs
    fake.endpoint = "Failed"
    run(unmaking)
    assert OWN not in fake.configs


def test_what_a_smoke_test_left_goes_too(fake: Any, make_unmaking: Callable[..., Unmaking]) -> None:
    fake.has_smoke_endpoint = True
    assert f"endpoint {NAME}--smoke, which was InService" in run(make_unmaking())[0]
    assert not fake.has_smoke_endpoint


def test_again_it_finds_nothing(fake: Any, make_unmaking: Callable[..., Unmaking]) -> None:
    run(make_unmaking())
    done = list(fake.done)
    assert make_unmaking().step() == []
    assert fake.done == done


def test_a_refusal_is_raised(fake: Any, make_unmaking: Callable[..., Unmaking]) -> None:
    error = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}

    def refuse(**request: Any) -> None:
        raise ClientError(error, "DeleteModel")

    fake.delete_model = refuse
    with pytest.raises(ClientError, match="not authorized"):
        run(make_unmaking())
