"""What a workflow needs to run SageMaker jobs to their end (`.sync`)."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from stacks.constructs.grants import grant, grant_pass_role, sagemaker_arn


def grant_training_jobs(workflow: sfn.StateMachine, name: str, role: iam.IRole) -> None:
    """Let a workflow run training jobs whose names match `name`, with `role`."""
    _grant_jobs(workflow, "TrainingJob", "training-job", name, role)


def grant_processing_jobs(workflow: sfn.StateMachine, name: str, role: iam.IRole) -> None:
    """Let a workflow run processing jobs whose names match `name`, with `role`."""
    _grant_jobs(workflow, "ProcessingJob", "processing-job", name, role)


def _grant_jobs(
    workflow: sfn.StateMachine, kind: str, resource: str, name: str, role: iam.IRole
) -> None:
    grant(
        workflow,
        [
            f"sagemaker:Create{kind}",
            f"sagemaker:Describe{kind}",
            f"sagemaker:Stop{kind}",
            # Step Functions tags the jobs it starts.
            "sagemaker:AddTags",
        ],
        sagemaker_arn(workflow, resource, name),
    )
    # It learns of a job's end by a rule it owns. Source: Step Functions developer guide, "Create
    # and manage Amazon SageMaker AI jobs with Step Functions".
    grant(
        workflow,
        ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
        Stack.of(workflow).format_arn(
            service="events",
            resource="rule",
            resource_name=f"StepFunctionsGetEventsForSageMaker{kind}sRule",
        ),
    )
    grant_pass_role(workflow, role, "sagemaker.amazonaws.com")
