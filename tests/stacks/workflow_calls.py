"""The AWS calls a state machine's definition makes, with parameters and what they must be allowed.

Variables of a definition have example values here, so that its JSONata can be evaluated: a call is
checked as it would be sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from localcloud.check import (
    Demand,
    Job,
    Place,
    Resource,
    demands,
    evaluate,
    job_of,
    task_parameters,
    task_resource,
)

from lambdas.plan_release.plan import component_policy, update_policy
from meguru.gate import HIGHEST, LOWER_IS_BETTER
from stacks.environment.aws_offers import copy_resources
from tests.stacks.deployment import Deployment, StateMachine

EXAMPLE_VERSION = "3f" * 32
# As long as an execution's name may be, with signs it may have.
EXAMPLE_RUN = "手動-(it's!)_".ljust(80, "x")
EXAMPLE_REASON = 'やり直し: "why?" <b>&amp;</b> 100% {% $x %}\n' * 20
EXAMPLE_TRAINING: dict[str, Any] = {
    "TrainingJobName": "j" * 63,
    "TrainingJobStatus": "Completed",
    "SecondaryStatus": "Completed",
    "ModelArtifacts": {
        "S3ModelArtifacts": f"s3://{'l' * 63}/runs/{EXAMPLE_RUN}/model/{'j' * 63}/model.tar.gz"
    },
}
# As many as a run may make, with the longest that they may say.
EXAMPLE_ATTEMPTS = [
    {"instance_type": "ml.trn2-ultra.48xlarge", "spot": False, "status": "ResourceLimitExceeded"}
] * 96
EXAMPLE_GATE = {
    "passed": True,
    "reasons": [f"{name} is missing from the evaluation" for name in (*HIGHEST, *LOWER_IS_BETTER)],
    "notes": [f"{name} is of few questions" for name in HIGHEST],
    "metrics": dict.fromkeys((*HIGHEST, *LOWER_IS_BETTER), -1.2345678901234e-100),
    "metadata": dict.fromkeys((*HIGHEST, *LOWER_IS_BETTER), "-1.2345678901234e-100"),
}


@dataclass(frozen=True)
class Call:
    """One call of a definition, as it is sent."""

    state: str
    resource: Resource
    parameters: dict[str, Any]

    def demands(self, place: Place) -> Iterator[Demand]:
        """What the call needs, and what Step Functions needs to follow a job (`.sync`)."""
        service, operation = self.resource.service, self.resource.operation
        for demand in demands(service, operation, self.parameters, place):
            # What a grant to list is held to.
            listed = {"s3:prefix": self.parameters["Prefix"]} if "Prefix" in self.parameters else {}
            yield replace(demand, context={**demand.context, **listed})
        yield from _also(self, place)
        if job := job_of(self.resource):
            yield from _following(self, job, place)


def calls(machine: StateMachine, deployment: Deployment) -> Iterator[Call]:
    """Every Task of the definition; ValueError or StateError where one can't be sent at all."""
    variables = example_variables(machine, deployment)
    for name, state in states(machine.definition):
        if state["Type"] == "Task":
            resource = task_resource(state["Resource"])
            arguments = evaluate(state["Arguments"], variables, "Arguments")
            yield Call(name, resource, task_parameters(arguments, resource))


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor")):
            if inner:
                yield from states(inner)


def assigned_variables(value: Any) -> set[str]:
    """The names that a definition's Assign fields give values to."""
    if isinstance(value, list):
        return set().union(*map(assigned_variables, value))
    if not isinstance(value, dict):
        return set()
    own = set(value.get("Assign", {}))
    return own.union(*(assigned_variables(item) for k, item in value.items() if k != "Assign"))


def example_variables(machine: StateMachine, deployment: Deployment) -> dict[str, Any]:
    """The variables of a definition: as its first state makes them, and as the others may."""
    first = machine.definition["States"][machine.definition["StartAt"]]
    examples = _examples(machine.name, deployment)
    made = evaluate(first["Assign"], examples, "Assign") if first["Type"] == "Pass" else {}
    variables = made | examples
    for name, state in states(machine.definition):
        if name.startswith("NameJobTo"):
            variables |= evaluate(state["Assign"], variables, "Assign")
    return variables


def _examples(machine_name: str, deployment: Deployment) -> dict[str, Any]:
    group = deployment.model
    package = deployment.place.arn("sagemaker", f"model-package/{group}/1")
    return {
        "states": {
            "input": {
                "reason": EXAMPLE_REASON,
                "requests": 3,
                "name": "base",
                "kind": "hub",
                "address": "owner/model",
                "prompt_version": "0" * 16,
                "package": package,
                "detail": {"version": EXAMPLE_VERSION, "reason": EXAMPLE_REASON},
                # A policy that tracks a target.
                "target": 600,
                "ResourceId": f"endpoint/{group}/variant/AllTraffic",
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                "metric": {
                    "CustomizedMetricSpecification": {
                        "Namespace": "Meguru/endpoint",
                        "MetricName": "TokensInFlight",
                        "Statistic": "Average",
                    }
                },
            },
            "context": {
                "Execution": {
                    "RedriveCount": 0,
                    "Name": EXAMPLE_RUN,
                    "Id": deployment.place.arn("states", f"execution:{'m' * 80}:{EXAMPLE_RUN}"),
                    "Input": {"detail": {"ModelPackageArn": package}},
                }
            },
        },
        "failure": {"Error": "Broken", "Cause": "あ" * 32_768},
        **EXAMPLES[machine_name],
        **({"plan": _plan(package, group)} if "Deploy" in machine_name else {}),
        **({"package": package, "servingPackage": package} if "Train" in machine_name else {}),
        **({"servingPackage": package} if "Curate" in machine_name else {}),
        **(
            {"package": package, "servingPackage": package, "sourcePackage": package}
            if "Prompt" in machine_name
            else {}
        ),
    }


EXAMPLES: dict[str, dict[str, Any]] = {
    "AddBaseModel": {
        "name": "n" * 63,
        "kind": "hub",
        "address": "owner/" + "m" * 90,
        "sourceRevision": "0" * 40,
        "licence": "Apache-2.0",
        "input": f"s3://{'l' * 63}/models/incoming/{'0' * 32}/",
        "revision": "0" * 16,
        "notes": ["it has no licence file"],
        "isNew": True,
        "fault": "Broken: " + "あ" * 1000,
        "job": {"ProcessingJobName": "j" * 63, "ProcessingJobStatus": "Completed"},
    },
    "CurateDataset": {
        "headETag": '"e"',
        "fault": "Broken: " + "あ" * 1000,
        "curation": {"ProcessingJobName": "j" * 63, "ProcessingJobStatus": "Completed"},
        "hasDocuments": True,
        "hasFeedback": True,
        "servingModel": EXAMPLE_TRAINING["ModelArtifacts"]["S3ModelArtifacts"],
        "published": {"version": EXAMPLE_VERSION, "changed": True, "num_records": 1},
    },
    "TrainAndRegister": {
        "attempts": EXAMPLE_ATTEMPTS,
        "initialModel": EXAMPLE_TRAINING["ModelArtifacts"]["S3ModelArtifacts"],
        "servingModel": EXAMPLE_TRAINING["ModelArtifacts"]["S3ModelArtifacts"],
        "servingDataset": EXAMPLE_VERSION,
        "servingPrompt": {
            "uri": f"s3://{'l' * 63}/prompts/{'m' * 20}/{'0' * 16}/",
            "version": "0" * 16,
        },
        "hasServingModel": True,
        "servingBase": f"s3://{'l' * 63}/models/base/{'n' * 63}/{'1' * 16}/",
        "hasServingBase": True,
        "hasServingDataset": True,
        "hasFeedback": True,
        "hasLabels": True,
        "modelCard": "{}",
        "training": EXAMPLE_TRAINING,
        "fault": "Broken: " + "あ" * 1000,
        "evaluation": {"ProcessingJobName": "j" * 63, "ProcessingJobStatus": "Completed"},
        "gate": EXAMPLE_GATE,
        "registration": "0" * 36,
        "base": {
            "uri": f"s3://{'l' * 63}/models/base/{'n' * 63}/{'0' * 16}/",
            "name": "n" * 63,
            "revision": "0" * 16,
            "licence": "Apache-2.0",
        },
        "job": "TrainModel",
    },
    "ReleasePrompt": {
        "promptUri": f"s3://{'l' * 63}/prompts/{'m' * 20}/{'0' * 16}/",
        "sourceModel": EXAMPLE_TRAINING["ModelArtifacts"]["S3ModelArtifacts"],
        "sourcePrompt": "",
        "servingModel": EXAMPLE_TRAINING["ModelArtifacts"]["S3ModelArtifacts"],
        "servingPrompt": f"s3://{'l' * 63}/prompts/{'m' * 20}/{'1' * 16}/",
        "kept": {
            "training_job": "t" * 63,
            "dataset": "text",
            "dataset_version": EXAMPLE_VERSION,
            "source_commit": f"{'0' * 40}-modified",
            "base_model": f"{'n' * 63}@{'0' * 16}",
            "base_model_licence": "Apache-2.0",
            "base_uri": f"s3://{'l' * 63}/models/base/{'n' * 63}/{'0' * 16}/",
        },
        "hasPrompt": True,
        "hasServingModel": True,
        "servingBase": f"s3://{'l' * 63}/models/base/{'n' * 63}/{'1' * 16}/",
        "hasServingBase": True,
        "hasFeedback": True,
        "hasLabels": True,
        "modelCard": "{}",
        "fault": "Broken: " + "あ" * 1000,
        "evaluation": {"ProcessingJobName": "j" * 63, "ProcessingJobStatus": "Completed"},
        "gate": EXAMPLE_GATE,
        "registration": "0" * 36,
        "job": "EvaluateModel",
    },
    "DeployModelVersion": {
        "problem": {"Error": "Broken", "Cause": "あ" * 32_768},
        "tested": {"failure": "あ" * 300, "asked_at": "2026-11-27T00:00:00+00:00"},
        # Where the environment has an endpoint that scales to zero.
        "component": {
            "MaxInstanceCount": 1500,
            "ComputeResourceRequirements": copy_resources("ml.m5.xlarge"),
        },
        "wakePolicy": "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:"
        f"{'0' * 36}:resource/sagemaker/inference-component/{'e' * 63}:policyName/{'e' * 63}",
    },
}


def _plan(package: str, group: str) -> dict[str, Any]:
    """What plan_release says, with what any of the steps needs."""
    release = {"package": package, "approved_at": "2026-01-01", "name": f"{group}-0123456789ab"}
    policy = update_policy(4, traffic="canary", canary_percent=10, bake_seconds=600)
    heeded = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a" * 255}]}}
    failure = {"Error": "Broken", "Cause": "It broke."}
    return {
        "step": "wait",
        "prompt_version": "0" * 16,
        "looks": 1,
        "seconds": 30,
        "release": release,
        "deployment": {"BlueGreenUpdatePolicy": policy, **heeded},
        "component_deployment": {
            "RollingUpdatePolicy": component_policy(bake_seconds=600),
            **heeded,
        },
        "smoke_config": f"{group}-ba9876543210",
        "config_name": f"{group}-ba9876543210",
        "num_copies": 0,
        "served": "[]",
        "failure": failure,
    }


def _also(call: Call, place: Place) -> Iterator[Demand]:
    """Resources that AWS checks besides the one an operation is named for.

    Source: Service Authorization Reference, "Actions defined by Amazon SageMaker".
    """
    if call.resource.operation in ("CreateEndpoint", "UpdateEndpoint"):
        config = call.parameters["EndpointConfigName"]
        arn = place.arn("sagemaker", f"endpoint-config/{config}")
        yield Demand(f"sagemaker:{call.resource.operation}", arn)
    if "Tags" in call.parameters:
        yield _tagging(call, place)
    for key in _volume_keys(call.parameters):
        yield Demand("kms:DescribeKey", key)
        yield Demand("kms:CreateGrant", key, {"kms:grantisforawsresource": "true"})


def _tagging(call: Call, place: Place) -> Demand:
    if call.resource.service == "sagemaker":
        own, *_ = demands(call.resource.service, call.resource.operation, call.parameters, place)
        return Demand("sagemaker:AddTags", own.resource)
    target = place.arn("application-autoscaling", "scalable-target/0a1b2c")
    return Demand("application-autoscaling:TagResource", target)


def _volume_keys(parameters: dict[str, Any]) -> Iterator[str]:
    """Keys of volumes in any member of a call; outputs are encrypted as the job's role."""
    for name, value in parameters.items():
        if isinstance(value, dict) and not name.endswith(("OutputDataConfig", "OutputConfig")):
            yield from _volume_keys(value)
        elif name in ("VolumeKmsKeyId", "KmsKeyId"):
            yield value


def _following(call: Call, job: Job, place: Place) -> Iterator[Demand]:
    named = {job.identifier: call.parameters[job.identifier]}
    for operation in (job.describe, job.stop):
        yield from demands(call.resource.service, operation, named, place)
    [own] = demands(call.resource.service, job.describe, named, place)
    yield Demand("sagemaker:AddTags", own.resource)
    kind = job.describe.removeprefix("Describe")
    rule = place.arn("events", f"rule/StepFunctionsGetEventsForSageMaker{kind}sRule")
    for action in ("PutTargets", "PutRule", "DescribeRule"):
        yield Demand(f"events:{action}", rule)
