"""What a workflow does when its job is there already: the answer of an earlier try was lost.

A job has its name before it is started, and every try the same one. SageMaker refuses the name of a
job that it has, and the workflow follows that one: a second would write to the same checkpoints.
"""

from __future__ import annotations

import json
import re
from typing import Any

State = dict[str, Any]

# SageMaker's kinds of jobs: the member of a description that says how far it is.
STATUS = {"TrainingJob": "TrainingJobStatus", "ProcessingJob": "ProcessingJobStatus"}
JOB = re.compile(r"arn:aws:states:::sagemaker:create(\w+Job)\.sync")
NAME = "{% $jobName %}"
IN_USE = "SageMaker.ResourceInUseException"
# Nine events a look, of an execution's 25,000: enough for two weeks.
SECONDS_BETWEEN_LOOKS = "{% $min([15 * $numJobLooks, 600]) %}"
# A name is random, so who has it is this execution. It is kept until the job is known to have
# ended, also by an execution that is redriven.
FIRST = {"jobName": "", "jobRedrives": 0, "numJobLooks": 0, "foundJob": {}, "foundFailure": {}}


def with_adoption(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition whose jobs, started by `.sync`, are found again.

    Raises ValueError where a definition doesn't begin by assigning, or names a job otherwise.
    """
    jobs = {
        name: (state, found[1])
        for name, state in definition["States"].items()
        if (found := JOB.fullmatch(state.get("Resource", "")))
    }
    if not jobs:
        return definition
    states = {
        name: _led_to_naming(state, set(jobs)) for name, state in definition["States"].items()
    }
    first = states[definition["StartAt"]]
    if first["Type"] != "Pass" or "Assign" not in first:
        raise ValueError(f"{definition['StartAt']}: it has to be a Pass state that assigns")
    first["Assign"] |= FIRST
    for name, (_, kind) in jobs.items():
        states |= _states(name, states[name], kind)
    return {**definition, "States": states}


def _led_to_naming(state: State, jobs: set[str]) -> State:
    """A state that goes to a job's name, and then to the job."""

    def lead(rule: State) -> State:
        changed = {
            key: f"NameJobTo{rule[key]}" for key in ("Next", "Default") if rule.get(key) in jobs
        }
        return {**rule, **changed}

    rules: State = {
        key: [lead(one) for one in state[key]] for key in ("Choices", "Catch") if key in state
    }
    return lead({**state, **rules})


def _states(name: str, state: State, kind: str) -> dict[str, State]:
    """The job's own state, and those around it."""
    arguments, status = state["Arguments"], STATUS[kind]
    written = arguments[f"{kind}Name"]
    if "$uuid()" not in written:
        raise ValueError(f"{name}: {kind}Name has to be made of $uuid()")
    [caught] = state["Catch"]
    ended = f"$contains($states.errorOutput.Cause, '\"{status}\"')"
    forgets = {"jobName": f"{{% {ended} ? '' : $jobName %}}"}
    look, has_ended, wait = f"LookAtJobTo{name}", f"HasJobTo{name}Ended", f"WaitForJobTo{name}"
    return {
        f"NameJobTo{name}": {
            "Type": "Pass",
            "Assign": {
                "jobName": f"{{% $jobName = '' ? {_expression(written)} : $jobName %}}",
                "jobRedrives": "{% $states.context.Execution.RedriveCount %}",
                "numJobLooks": 0,
            },
            "Next": name,
        },
        name: {
            **state,
            "Arguments": {**arguments, f"{kind}Name": NAME},
            "Assign": {**state["Assign"], "jobName": ""},
            "Catch": [
                {"ErrorEquals": [IN_USE], "Next": look},
                {**caught, "Assign": {**caught["Assign"], **forgets}},
            ],
        },
        look: {
            "Comment": "An answer was lost. Who stops the execution doesn't stop this job.",
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:sagemaker:describe{kind}",
            "Arguments": {f"{kind}Name": NAME},
            "Assign": {
                "foundJob": "{% $states.result %}",
                "foundFailure": {
                    "Error": "States.TaskFailed",
                    "Cause": "{% $string($states.result) %}",
                },
                "numJobLooks": "{% $numJobLooks + 1 %}",
            },
            "Next": has_ended,
        },
        has_ended: {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": f"{{% $foundJob.{status} in ['InProgress', 'Stopping'] %}}",
                    "Next": wait,
                },
                {
                    "Comment": "It ended with the execution, which is redriven.",
                    "Condition": f"{{% $foundJob.{status} != 'Completed' and "
                    "$states.context.Execution.RedriveCount > $jobRedrives %}",
                    "Assign": {"jobName": ""},
                    "Next": f"NameJobTo{name}",
                },
                {
                    "Condition": f"{{% $foundJob.{status} = 'Failed' %}}",
                    "Assign": {
                        **_of(caught["Assign"], "errorOutput", "foundFailure"),
                        "jobName": "",
                    },
                    "Next": caught["Next"],
                },
            ],
            "Assign": {**_of(state["Assign"], "result", "foundJob"), "jobName": ""},
            "Default": state["Next"],
        },
        wait: {"Type": "Wait", "Seconds": SECONDS_BETWEEN_LOOKS, "Next": look},
    }


def _expression(written: str) -> str:
    return written.removeprefix("{% ").removesuffix(" %}")


def _of(assigned: State, answer: str, variable: str) -> State:
    """What is assigned of a call's answer, assigned of a variable instead."""
    text = json.dumps(assigned, ensure_ascii=False).replace(f"$states.{answer}", f"${variable}")
    changed: State = json.loads(text)
    return changed
