"""The services that a whole cloud runs, in the order in which they start."""

from __future__ import annotations

from localcloud.events.firehose import FirehoseService
from localcloud.events.s3 import S3Service
from localcloud.events.scheduler import SchedulerService
from localcloud.events.service import EventBridgeService
from localcloud.events.sns import SnsService
from localcloud.functions.service import LambdaService
from localcloud.http_api.service import ApiGatewayService
from localcloud.monitoring.alarms import CloudWatchService
from localcloud.sagemaker.autoscaling import ApplicationAutoScalingService
from localcloud.sagemaker.service import SageMakerService
from localcloud.service import MakeService
from localcloud.template.cloudformation import CloudFormationService
from localcloud.workflows.service import StepFunctionsService

ALL_SERVICES: tuple[MakeService, ...] = (
    LambdaService,
    StepFunctionsService,
    EventBridgeService,
    SchedulerService,
    S3Service,
    SnsService,
    FirehoseService,
    SageMakerService,
    ApplicationAutoScalingService,
    ApiGatewayService,
    CloudWatchService,
    CloudFormationService,
)
