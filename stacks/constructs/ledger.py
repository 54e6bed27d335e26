"""The ledger's functions: what writes in it, closes what was left open, and tells of a budget."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from aws_cdk import aws_sns as sns
from constructs import Construct

from meguru.ledger_book import MONTH_INDEX
from meguru.names import BUDGET_METRIC, METRIC_NAMESPACE
from meguru.usage_report import LOG_FILTER
from stacks.constructs.grants import grant, grant_table
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.table import Table
from stacks.environment import Environment

LOOK_EVERY = Duration.minutes(5)
# With less than the rest left, hardly a request has room.
USED_UP_PERCENT = 99


def billing_of(environment: Environment) -> dict[str, str]:
    """What a function of the ledger is told of what is charged."""
    return {"BILLING": environment.billing.as_json()}


def use_ledger(function: lambda_.Function, ledger: Table) -> None:
    """Let `function` read and write the books."""
    function.add_environment("LEDGER_TABLE", ledger.table_name)
    grant_table(function, ledger, "GetItem", "UpdateItem")


class UsageReports(Construct):
    """A function that hears of what a model's servers say they have used."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        ledger: Table,
        endpoint_log: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "RecordUsage",
            environment=environment,
            folder="record_usage",
            long_variables=billing_of(environment),
            timeout=Duration.minutes(1),
        )
        use_ledger(function, ledger)
        logs.SubscriptionFilter(
            self,
            "Lines",
            log_group=endpoint_log,
            destination=destinations.LambdaDestination(function),
            filter_pattern=logs.FilterPattern.literal(LOG_FILTER),
        )


class LedgerWatch(Construct):
    """What ends the reservations of dead workers by the clock, and rings before a budget ends."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        ledger: Table,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "SettleExpired",
            environment=environment,
            folder="settle_expired",
            variables={"ENVIRONMENT_NAME": environment.name},
            long_variables={
                **billing_of(environment),
                "LOG_GROUPS": json.dumps(environment.container_logs),
            },
            timeout=LOOK_EVERY,
        )
        use_ledger(function, ledger)
        grant(function, "dynamodb:Query", f"{ledger.table_arn}/index/{MONTH_INDEX}")
        logs = map(self._log_arn, environment.container_logs.values())
        grant(function, "logs:FilterLogEvents", *logs)
        events.Rule(
            self,
            "Look",
            schedule=events.Schedule.rate(LOOK_EVERY),
            targets=[targets.LambdaFunction(function)],
        )
        if environment.billing.budget.is_set:
            for name, percent in (
                ("BudgetNearlyUsed", environment.budget.alarm_percent),
                ("BudgetUsedUp", USED_UP_PERCENT),
            ):
                alarm = self._alarm(name, environment.name, percent)
                alarm.add_alarm_action(actions.SnsAction(topic))

    def _log_arn(self, name: str) -> str:
        """Groups are named with `:*` at the end, whatever is done with them."""
        return Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _alarm(self, construct_id: str, environment: str, percent: int) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=f"{percent} % of a budget of the environment is used and reserved.",
            metric=cloudwatch.Metric(
                namespace=METRIC_NAMESPACE,
                metric_name=BUDGET_METRIC,
                dimensions_map={"environment": environment},
                statistic="Maximum",
                period=LOOK_EVERY,
            ),
            threshold=percent,
            evaluation_periods=1,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
        )
