"""cdk-nag's AwsSolutions, with the findings that stand and the reason for each.

cdk-nag 3 takes acknowledgements letter by letter, including the generated names of exports in a
finding's text. Here a row is a pattern, so that it says what is meant and outlives a renaming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import aws_cdk as cdk
import jsii
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


@dataclass(frozen=True)
class Acknowledgement:
    """Findings that stand: those that match `finding` on constructs whose paths match `path`."""

    finding: str
    path: str
    reason: str

    def covers(self, finding: str, path: str) -> bool:
        return bool(re.fullmatch(self.finding, finding) and re.fullmatch(self.path, path))


def wildcard(resource: str, path: str, reason: str) -> Acknowledgement:
    return Acknowledgement(rf"AwsSolutions-IAM5\[Resource::{resource}\]", path, reason)


LAKE_PREFIX = r'\{"Fn::GetStackOutput":\{.*LakeBucket\w*"\}\}'
ACKNOWLEDGEMENTS = (
    Acknowledgement(
        "AwsSolutions-L1",
        r"[^/]+-(Api|Data|Model-[^/]+)/.*",
        "Functions, jobs and the one-machine cloud run the same Python, 3.11.",
    ),
    Acknowledgement(
        r"AwsSolutions-IAM4\[.*AmazonAPIGatewayPushToCloudWatchLogs\]",
        ".*/InferenceApi/Api/CloudWatchRole/Resource",
        "AWS's own policy for API Gateway's one account-wide logging role.",
    ),
    Acknowledgement(
        "AwsSolutions-COG4",
        ".*/InferenceApi/Api/Default/v1/.*",
        "API consumers are programs with API keys, as OpenAI's clients send them.",
    ),
    Acknowledgement(
        "AwsSolutions-APIG2",
        ".*/InferenceApi/Api/Resource",
        "The functions validate, and refuse in OpenAI's error shape with the member at fault.",
    ),
    Acknowledgement(
        "AwsSolutions-APIG3",
        ".*/InferenceApi/Api/DeploymentStage.*",
        "A WAF costs money while idle; keys, throttle and quota bound what a caller can do.",
    ),
    Acknowledgement(
        "AwsSolutions-SQS3",
        ".*/RetrainingTrigger/FailedBatches/Resource",
        "It is the queue that failed batches of the feedback stream are set aside in.",
    ),
    Acknowledgement(
        "AwsSolutions-SQS3",
        ".*/InferenceLog/SetAside/Resource",
        "It is the queue of records that are tried again until they expire; an alarm tells.",
    ),
    Acknowledgement(
        "AwsSolutions-S1",
        ".*-Source/CommitPipeline/Artifacts/Resource",
        "It holds nothing but which commit a deployment is of, for a month.",
    ),
    wildcard(
        r"<CommitPipelineArtifacts\w+\.Arn>/\*",
        ".*-Source/CommitPipeline/(Deployment|Pipeline)Role/DefaultPolicy/Resource",
        "The objects of a bucket that holds nothing else.",
    ),
    wildcard(
        r"arn:<AWS::Partition>:s3:::[^*]*\*",
        ".*/BaseModels/Job/Role/DefaultPolicy/Resource",
        "A prefix that the environment file names as a source of base models.",
    ),
    wildcard(
        rf"{LAKE_PREFIX}/(raw|feedback|labels|datasets|quarantine|runs|checkpoints|inference-log"
        r"|models/base(/[^/]+)?|models/incoming|prompts/[^/]+)/\*",
        ".*",
        "Objects under one of the lake's prefixes, which is what the grant is for.",
    ),
    wildcard(
        r"arn:.*:log-group:/aws/sagemaker/"
        r"(TrainingJobs|ProcessingJobs|(Endpoints|InferenceComponents)/[\w-]+:)\*",
        ".*/(Role|EndpointRole|LedgerWatch/SettleExpiredRole)/DefaultPolicy/Resource",
        "SageMaker names the groups and streams of its containers.",
    ),
    wildcard(
        r"\*",
        ".*/(Role|EndpointRole|GitHubRole|DeploymentRole)/DefaultPolicy/Resource",
        "ecr:GetAuthorizationToken, X-Ray, log deliveries and cloudwatch:PutMetricData (held to a "
        "namespace) take no resource.",
    ),
    wildcard(
        r"\*",
        ".*/[A-Z][A-Za-z]+Role/DefaultPolicy/Resource",
        "Lambda and SageMaker make interfaces in a VPC for a role, and name no resource for it.",
    ),
    wildcard(
        r"arn:.*:sagemaker:.*:model-package/meguru-.*--.*/\*",
        ".*/DefaultPolicy/Resource",
        "The versions of one model package group, which registering numbers.",
    ),
    wildcard(
        r"\*",
        ".*/(PlanRelease|FollowHours)Role/DefaultPolicy/Resource",
        "Lists of model packages and of scalable targets, as other lists, take no resource.",
    ),
    wildcard(
        r"arn:.*:states:.*:execution:.*:\*",
        ".*/(ModelRelease/ReadExecutions|Start(Curation|Training)Role/DefaultPolicy)/Resource",
        "Executions of the one state machine, each named for its start.",
    ),
    wildcard(
        r"arn:.*:application-autoscaling:.*:scalable-target/\*",
        ".*/(DeployModelVersion/|Hours/FollowHours)Role/DefaultPolicy/Resource",
        "Scalable targets have generated names.",
    ),
    wildcard(
        r"arn:.*:cloudwatch:.*:alarm:TargetTracking-"
        r"(endpoint/meguru-.*--.*/|inference-component/meguru-.*--.*-Alarm)\*",
        ".*/DeployModelVersion/Role/DefaultPolicy/Resource",
        "Target tracking ends the names of its alarms by itself.",
    ),
    wildcard(
        r"arn:.*:sagemaker:.*:\*/meguru-.*--[^*]*",
        ".*/(AnswerRequest|RecordFeedback)Role/DefaultPolicy/Resource",
        "An endpoint and its inference component, by the one name that both have.",
    ),
    wildcard(
        r"\*",
        ".*/Unmaking/UnmakeModelRole/DefaultPolicy/Resource",
        "Listings, which take no resource; what is deleted is named.",
    ),
    wildcard(
        r"arn:.*:(application-autoscaling:.*:scalable-target/|"
        r"cloudwatch:.*:alarm:TargetTracking-"
        r"(endpoint/meguru-.*--.*/|inference-component/meguru-.*--.*-Alarm)|"
        r"states:.*:execution:<\w+\.Name>:|logs:.*:log-group:/aws/sagemaker/\w+(/.*)?:)\*",
        ".*/Unmaking/UnmakeModelRole/DefaultPolicy/Resource",
        "Generated names: targets, alarms' ends, a state machine's executions, a group's streams.",
    ),
    wildcard(
        r"arn:.*:logs:.*:log-stream:meguru-.*--.*/\*",
        ".*/Unmaking/UnmakeModelRole/DefaultPolicy/Resource",
        "The streams of one job, which SageMaker names after its hosts.",
    ),
    wildcard(
        r"arn:.*:role/aws-service-role/sagemaker\.application-autoscaling\.amazonaws\.com/\*",
        ".*/DeployModelVersion/Role/DefaultPolicy/Resource",
        "Application Auto Scaling's own role for endpoints, made once in an account.",
    ),
)


@jsii.implements(cdk.IPolicyValidationPlugin)
class SolutionsChecks:
    """AwsSolutions over a whole app: a finding without an acknowledgement fails the synthesis."""

    def __init__(self, app: IConstruct) -> None:
        self._app = app

    @property
    def name(self) -> str:
        return "AwsSolutions"

    @property
    def version(self) -> str:
        return "3"

    @property
    def rule_ids(self) -> list[str]:
        return []

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        violations = self.violations()
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)

    def violations(self) -> list[cdk.PolicyViolation]:
        """The findings no row covers."""
        report = AwsSolutionsChecks(self._app).validate_scope(self._app)
        standing = []
        for violation in report.violations:
            resources = [
                resource
                for resource in violation.violating_resources
                if not is_acknowledged(violation.rule_name, resource.construct_path or "")
            ]
            if resources:
                standing.append(
                    cdk.PolicyViolation(
                        rule_name=violation.rule_name,
                        description=violation.description,
                        severity=violation.severity,
                        violating_resources=resources,
                    )
                )
        return standing


def is_acknowledged(finding: str, path: str) -> bool:
    return any(row.covers(finding, path) for row in ACKNOWLEDGEMENTS)
