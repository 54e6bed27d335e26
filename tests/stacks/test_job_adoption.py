"""A job that a lost answer left is followed by its own execution, and no second one is started."""

from __future__ import annotations

from typing import Any

import pytest
from localcloud.check import evaluate

from stacks.constructs.job_adoption import with_adoption
from tests.stacks.deployment import Deployment, StateMachine

JOBS = [
    ("AddBaseModel", "AddBaseModel", "ProcessingJob"),
    ("CurateDataset", "CurateRecords", "ProcessingJob"),
    ("TrainAndRegister", "TrainModel", "TrainingJob"),
    ("TrainAndRegister", "EvaluateModel", "ProcessingJob"),
    ("ReleasePrompt", "EvaluateModel", "ProcessingJob"),
]


@pytest.fixture
def machines(deployments: dict[str, Deployment]) -> dict[str, StateMachine]:
    return deployments["poc"].state_machines


def test_every_job_is_found_again(machines: dict[str, StateMachine]) -> None:
    found = [
        (name, state, written["Resource"].partition("create")[2].removesuffix(".sync"))
        for name, machine in machines.items()
        for state, written in machine.definition["States"].items()
        if written.get("Resource", "").endswith(".sync")
    ]
    assert sorted(found) == sorted(JOBS)


@pytest.mark.parametrize(("machine", "state", "kind"), JOBS)
def test_every_try_has_the_same_name(
    machines: dict[str, StateMachine], machine: str, state: str, kind: str
) -> None:
    states = machines[machine].definition["States"]
    names, written = states[f"NameJobTo{state}"], states[state]
    context = {"states": {"context": {"Execution": {"RedriveCount": 0}}}}
    first = evaluate(names["Assign"], {**context, "jobName": ""})["jobName"]
    other = evaluate(names["Assign"], {**context, "jobName": ""})["jobName"]
    assert first and first != other
    assert evaluate(names["Assign"], {**context, "jobName": first})["jobName"] == first
    assert evaluate(written["Arguments"][f"{kind}Name"], {"jobName": first}) == first
    # Nothing else goes to the job than what has named it.
    leading = {
        name
        for name, one in states.items()
        for rule in (one, *one.get("Choices", []), *one.get("Catch", []))
        if state in (rule.get("Next"), rule.get("Default"))
    }
    assert leading == {f"NameJobTo{state}"}


@pytest.mark.parametrize(
    ("cause", "kept"),
    [
        ("Rate exceeded (Service: SageMaker, Status Code: 400)", "a-1"),
        ('{"TrainingJobName":"a-1","TrainingJobStatus":"Failed","FailureReason":"x"}', ""),
    ],
)
def test_a_name_is_kept_until_its_job_has_ended(
    machines: dict[str, StateMachine], cause: str, kept: str
) -> None:
    in_use, other = machines["TrainAndRegister"].definition["States"]["TrainModel"]["Catch"]
    assert in_use["ErrorEquals"] == ["SageMaker.ResourceInUseException"]
    variables = {"jobName": "a-1", "states": {"errorOutput": {"Error": "x", "Cause": cause}}}
    assert evaluate(other["Assign"]["jobName"], variables) == kept


@pytest.mark.parametrize(("machine", "state", "kind"), JOBS)
@pytest.mark.parametrize(
    ("status", "redrives", "way"),
    [
        ("InProgress", 0, "wait"),
        ("Stopping", 1, "wait"),
        ("Completed", 1, "next"),
        ("Stopped", 0, "next"),
        ("Stopped", 1, "name"),
        ("Failed", 0, "caught"),
        ("Failed", 1, "name"),
    ],
)
def test_a_found_job_is_taken_as_its_own(
    machines: dict[str, StateMachine],
    machine: str,
    state: str,
    kind: str,
    status: str,
    redrives: int,
    way: str,
) -> None:
    states = machines[machine].definition["States"]
    job = {f"{kind}Name": "a-1", f"{kind}Status": status, "SecondaryStatus": status}
    if status == "Failed":
        job |= {"FailureReason": "CapacityError: No."}
    variables: dict[str, Any] = {
        "capacity": {
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "spot": True,
            "price": "",
        },
        "attempts": [],
        "usedSeconds": 0,
        "billedSeconds": 0,
        "dollars": 0,
        "jobRedrives": 0,
        "numJobLooks": 0,
    }
    look = states[f"LookAtJobTo{state}"]
    context = {"context": {"Execution": {"RedriveCount": redrives}}}
    answered = variables | {"states": {"result": job, **context}}
    variables = answered | evaluate(look["Assign"], answered, "Assign")
    choice = states[look["Next"]]
    taken = next(
        (one for one in choice["Choices"] if evaluate(one["Condition"], variables)), choice
    )
    caught = states[state]["Catch"][-1]["Next"]
    goes = {"wait": f"WaitForJobTo{state}", "name": f"NameJobTo{state}", "caught": caught}
    assert taken.get("Next", taken.get("Default")) == goes.get(way, states[state]["Next"])
    assigned = evaluate(taken.get("Assign", {}), variables, "Assign")
    if way == "caught":
        assert '"FailureReason":"CapacityError' in assigned["failure"]["Cause"]
    if way == "next":
        assert job in assigned.values()
    assert assigned.get("jobName") == (None if way == "wait" else "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Assign": None}, "has to be a Pass state that assigns"),
        ({"name": "{% 'fixed' %}"}, "has to be made of"),
    ],
)
def test_what_cannot_be_found_again_is_refused(change: dict[str, Any], said: str) -> None:
    first = {"Type": "Pass", "Next": "Train", **({} if "Assign" in change else {"Assign": {}})}
    name = change.get("name", "{% $uuid() %}")
    job = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Arguments": {"TrainingJobName": name},
        "Assign": {"training": "{% $states.result %}"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {}, "Next": "End"}],
        "Next": "End",
    }
    definition = {"StartAt": "First", "States": {"First": first, "Train": job}}
    with pytest.raises(ValueError, match=said):
        with_adoption(definition)
