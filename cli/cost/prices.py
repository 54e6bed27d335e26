"""What AWS asks for what a template makes, in US dollars: for an estimate, not for a bill.

List prices of US East (N. Virginia), as AWS's pricing pages have them, without free tiers. What
instances cost stands with what they bring, in `meguru.instance_offers`.
"""

from __future__ import annotations

HOURS_A_MONTH = 730
MINUTES_A_MONTH = HOURS_A_MONTH * 60

# A month, by what is there and not used.
KMS_KEY = 1.0
SECRET = 0.40
DASHBOARD = 3.0
PIPELINE = 1.0
# Of each metric that an alarm looks at; composite ones look at alarms.
ALARM_METRIC = 0.10
COMPOSITE_ALARM = 0.50
# Two for each policy that tracks a target; high resolution costs more.
TRACKING_ALARMS = 2 * 0.10
FINE_TRACKING_ALARMS = 2 * 0.30
CUSTOM_METRIC = 0.30
# A cache holds at least 0.1 GB, at 0.084 a GB and hour.
VALKEY_CACHE = 0.1 * 0.084 * HOURS_A_MONTH

LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND = 0.0000166667
STATE_TRANSITION = 0.025 / 1000
SQS_REQUEST = 0.40 / 1e6
# Lambda asks a queue with five pollers, each of which waits 20 seconds for an answer.
QUEUE_POLLS_A_MONTH = 5 * 3 * MINUTES_A_MONTH

API_REQUEST = 3.50 / 1e6
TABLE_WRITE = 0.625 / 1e6
TABLE_READ = 0.125 / 1e6
LOG_GB = 0.50
FIREHOSE_GB = 0.029
# Firehose counts a record as no less than this.
FIREHOSE_RECORD_GB = 5 / 1e6

# Types that cost by what is stored or done with them, and nothing for being there.
BY_USE = frozenset(
    f"AWS::{name}"
    for name in (
        *("ApiGateway::Account", "ApiGateway::ApiKey", "ApiGateway::Authorizer"),
        *("ApiGateway::Deployment", "ApiGateway::GatewayResponse", "ApiGateway::Method"),
        *("ApiGateway::Model", "ApiGateway::RequestValidator", "ApiGateway::Resource"),
        *("ApiGateway::RestApi", "ApiGateway::Stage", "ApiGateway::UsagePlan"),
        *("ApiGateway::UsagePlanKey", "ApplicationAutoScaling::ScalableTarget"),
        *("ApplicationAutoScaling::ScalingPolicy", "Athena::WorkGroup", "Bedrock::Guardrail"),
        *("Budgets::Budget", "Budgets::BudgetsAction", "CDK::Metadata", "CodeBuild::Project"),
        *("CodeConnections::Connection", "DynamoDB::GlobalTable", "DynamoDB::Table"),
        *("EC2::SecurityGroup", "ECR::Repository", "Events::Rule", "Glue::Database"),
        *("Glue::Table", "IAM::ManagedPolicy", "IAM::OIDCProvider", "IAM::Policy", "IAM::Role"),
        *("KMS::Alias", "KinesisFirehose::DeliveryStream", "Lambda::EventSourceMapping"),
        *("Lambda::Function", "Lambda::Permission", "Lambda::Version", "Logs::LogGroup"),
        *("Logs::QueryDefinition", "Logs::ResourcePolicy", "Logs::SubscriptionFilter"),
        *("S3::Bucket", "S3::BucketPolicy", "SNS::Subscription", "SNS::Topic"),
        *("SNS::TopicPolicy", "SQS::Queue", "SQS::QueuePolicy", "SSM::Parameter"),
        *("SageMaker::ModelPackageGroup", "Scheduler::Schedule"),
        *("Scheduler::ScheduleGroup", "StepFunctions::StateMachine"),
    )
)
