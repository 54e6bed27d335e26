"""Campaign: training runs with faults at every step; each has one end, and no model is wrong."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.check import Assembly, Rehearsal, matches

from meguru.events import RUN_FAILED
from tests.campaigns.run_services import Services
from tests.stacks.rendering import rendered

VERSION = "3f" * 32
BAD_ENDS = ("FAILED", "ABORTED", "TIMED_OUT")
RATES = (0.0, 0.02, 0.05, 0.1, 0.3, 0.7)
SERVING = ("", "arn:aws:sagemaker:x:1:model-package/a/1", "arn:aws:sagemaker:x:1:package/deleted")
MAX_REDRIVES = 3
REGISTERED, REFUSED = "Model Version Registered", "Model Version Refused"


@dataclass
class Runs:
    """Trials of one definition, whose bad ends are told by the events that `rule` matches."""

    definition: str
    rule: dict[str, Any]
    seed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._services: Services | None = None
        self._rehearsal = Rehearsal(self.definition, lambda name: self._now.client(name))

    @property
    def _now(self) -> Services:
        assert self._services is not None
        return self._services

    def trial(self, number: int) -> list[str]:
        """One run to its last end, redriven where a person would; what did not hold."""
        chance = random.Random(f"{self.seed}-{number}")
        running: list[str] = []
        services = self._services = Services(
            chance,
            lambda: self._rehearsal.stop(running[0]),
            chance.choice(RATES),
            passes=chance.random() < 0.7,
            takes_card=chance.random() < 0.8,
            serving=chance.choice(SERVING),
        )
        rehearsed = {"detail": {"version": VERSION, "reason": "campaign"}}
        # The first call may stop what it is the first of.
        name = f"run-{number}"
        running.append(f"arn:aws:states:us-east-1:123456789012:execution:rehearsal:{name}")
        self._rehearsal.start(name, rehearsed)
        found: list[str] = []
        num_told = 0
        for num_redrives in range(MAX_REDRIVES + 1):
            end = self._rehearsal.end()
            self.ends[end["status"]] += 1
            found += self._faults(end, services.events[num_told:])
            num_told = len(services.events)
            is_last = num_redrives == MAX_REDRIVES or chance.random() < 0.25
            if end["status"] == "SUCCEEDED" or is_last:
                break
            self._rehearsal.redrive(running[0])
        self.kinds |= services.kinds
        return found

    def _faults(self, end: dict[str, Any], told: list[dict[str, Any]]) -> list[str]:
        status, services = end["status"], self._now
        found = list(_faults_of_models(services))
        outcomes = {item["outcome"] for item in services.items}
        said = [entry["DetailType"] for entry in told]
        if status == "SUCCEEDED":
            expected, news = (
                ("registered", REGISTERED) if services.packages else ("refused", REFUSED)
            )
            if outcomes != {expected} or news not in [e["DetailType"] for e in services.events]:
                found.append(f"it succeeded with {outcomes}, and has told {said}")
            if ("model_package_arn" in json.loads(end["output"])) != bool(services.packages):
                found.append(f"its output is {end['output']}")
        elif status not in BAD_ENDS:
            found.append(f"it ended as {status}")
        else:
            event = {
                "source": "aws.states",
                "detail-type": "Step Functions Execution Status Change",
                "detail": {**end, "stateMachineArn": self.rule["detail"]["stateMachineArn"][0]},
            }
            if RUN_FAILED not in said and not matches(self.rule, event):
                found.append(f"nobody was told that it {status}: {end.get('cause')}")
        if len(outcomes) > 1:
            found.append(f"its outcomes are {outcomes}")
        return found


def _faults_of_models(services: Services) -> list[str]:
    """What is wrong with what was registered."""
    found = []
    packages = list(services.packages.values())
    if len(packages) > 1:
        found.append(f"{len(packages)} model versions of one run")
    if packages and not services.passes:
        found.append("a model below the gate was registered")
    completed = {
        job["ModelArtifacts"]["S3ModelArtifacts"]
        for job in services.jobs.values()
        if job.get("TrainingJobStatus") == "Completed"
    }
    for package in packages:
        [container] = package["InferenceSpecification"]["Containers"]
        if package["ModelApprovalStatus"] != "PendingManualApproval":
            found.append(f"a model was registered as {package['ModelApprovalStatus']}")
        if container["ModelDataUrl"] not in completed:
            found.append("a model was registered whose training didn't complete")
    trainings = [job for job in services.jobs.values() if "TrainingJobName" in job]
    if len({job["CheckpointConfig"]["S3Uri"] for job in trainings}) > 1:
        found.append("its jobs have several places for checkpoints")
    if services.left:
        found.append(f"another job was started beside {', '.join(services.left)}")
    on_spot = [job["EnableManagedSpotTraining"] for job in trainings]
    if on_spot != sorted(on_spot, reverse=True):
        found.append("it went back to spot instances")
    return found


def runs(assembly: Path, seed: int = 0, plant: tuple[str, str] | None = None) -> Runs:
    """Trials of the first model's workflow, as if it had a base model; `plant` changes its text."""
    for stack in Assembly.load(assembly).stacks:
        resources = stack.template["Resources"]
        for name, one in resources.items():
            if one["Type"] == "AWS::StepFunctions::StateMachine" and "TrainModel" in str(one):
                machine = rendered(one["Properties"], stack.stack_name)
                definition = _definition(machine)
                if plant:
                    assert plant[0] in definition, plant[0]
                    definition = definition.replace(*plant)
                own = rendered({"Ref": name}, stack.stack_name)
                patterns = [
                    rendered(rule["Properties"]["EventPattern"], stack.stack_name)
                    for rule in resources.values()
                    if rule["Type"] == "AWS::Events::Rule" and RUN_FAILED in json.dumps(rule)
                ]
                [rule] = [p for p in patterns if p["detail"]["stateMachineArn"] == [own]]
                return Runs(definition, rule, seed)
    raise AssertionError("no stack trains a model")


def _definition(machine: dict[str, Any]) -> str:
    """The definition with its values; what only CloudFormation knows stands there as a name."""
    values = {**machine["DefinitionSubstitutions"], "HasBaseModel": "true"}
    text: str = machine["DefinitionString"]
    for name, value in values.items():
        known = re.sub(r"<[^>]*>.*", lambda made: re.sub(r"[^\w.-]", "-", made[0]), value)
        text = text.replace(f"${{{name}}}", known)
    return text


# Each is a change of the definition, and what has to be found of it.
PLANTED: dict[str, tuple[tuple[str, str], Callable[[list[str]], bool]]] = {
    "another token each time": (
        ('"ClientToken": "{% $registration %}"', '"ClientToken": "{% $uuid() %}"'),
        lambda found: any("model versions of one run" in one for one in found),
    ),
    "another job's name each time": (
        (
            '"TrainingJobName": "{% $jobName %}"',
            '"TrainingJobName": "{% \'a-\' & $substring($uuid(), 24) %}"',
        ),
        lambda found: any("another job was started beside" in one for one in found),
    ),
    "no gate": (
        ("{% $gate.passed %}", "{% true %}"),
        lambda found: any("below the gate" in one for one in found),
    ),
    "approved at once": (
        ('"PendingManualApproval"', '"Approved"'),
        lambda found: any("registered as Approved" in one for one in found),
    ),
    "no telling": (
        (f'"DetailType": "{RUN_FAILED}"', '"DetailType": "Something"'),
        lambda found: any("nobody was told" in one for one in found),
    ),
}
MAX_TRIALS_TO_CATCH = 200


def is_caught(assembly: Path, fault: str) -> bool:
    """Whether a planted fault is found in some hundred trials."""
    plant, names_it = PLANTED[fault]
    planted = runs(assembly, seed=7, plant=plant)
    return any(names_it(planted.trial(number)) for number in range(MAX_TRIALS_TO_CATCH))
