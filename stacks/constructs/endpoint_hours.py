"""An endpoint's hours: a function that looks at the clock and moves the fewest instances."""

from __future__ import annotations

from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.release_grants import grant_scalable_target
from stacks.environment import Environment
from stacks.environment.hours import EndpointHours

LOOK_EVERY = Duration.minutes(5)


class EndpointSchedule(Construct):
    """Application Auto Scaling's own schedules know no holidays: so it is a function that looks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        registry: ModelRegistry,
        hours: EndpointHours,
        min_instances: int,
        resource_id: str,
        dimension: str,
    ) -> None:
        super().__init__(scope, construct_id)
        wanted = hours.of_endpoint(environment.time_zone, min_instances, date.today().year)
        function = PythonFunction(
            self,
            "FollowHours",
            environment=environment,
            folder="follow_hours",
            variables={
                "HOURS": wanted.as_json(),
                "RESOURCE_ID": resource_id,
                "SCALABLE_DIMENSION": dimension,
            },
            timeout=Duration.minutes(1),
        )
        # Descriptions take no resource.
        grant(function, "application-autoscaling:DescribeScalableTargets", "*")
        grant_scalable_target(function, registry, "RegisterScalableTarget")
        events.Rule(
            self,
            "Look",
            schedule=events.Schedule.rate(LOOK_EVERY),
            targets=[targets.LambdaFunction(function)],
        )
