"""What stops a model's training job on spot instances that are taken away again and again."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.grants import grant, sagemaker_arn
from stacks.constructs.python_function import PythonFunction
from stacks.environment import Environment


class ReclaimLimit(Construct):
    """A function that hears of each reclaim; the run's workflow goes on when the job has stopped.

    `jobs` matches the names of the model's jobs; no other model's have their `role`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        jobs: str,
        role: iam.IRole,
    ) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "LimitReclaims",
            environment=environment,
            folder="limit_reclaims",
            timeout=Duration.seconds(30),
        )
        grant(
            function,
            ["sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"],
            sagemaker_arn(self, "training-job", jobs),
        )
        events.Rule(
            self,
            "SpotCapacityReclaimed",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Training Job State Change"],
                detail={
                    "RoleArn": [role.role_arn],
                    # What follows it says the same, should that event be lost.
                    "SecondaryStatus": ["Interrupted", "Starting", "Downloading", "Training"],
                },
            ),
            targets=[targets.LambdaFunction(function)],
        )
