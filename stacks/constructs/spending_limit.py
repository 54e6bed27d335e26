"""The second line: AWS Budgets watches what AWS bills, and takes the right to ask models away."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from meguru.names import OWNER_TAG
from stacks.environment import Environment


class SpendingLimit(Construct):
    """A monthly budget in dollars; at its end `roles` may invoke no endpoint, until it is undone.

    AWS bills with a delay of hours: this is for what no ledger sees, such as instances left on. The
    tag has to be activated once for cost allocation.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        usd_per_month: float,
        roles: Sequence[iam.IRole],
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        subscriber = {"subscription_type": "SNS", "address": topic.topic_arn}
        budget = budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd_per_month, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:{OWNER_TAG}${environment.name}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type="ACTUAL",
                        comparison_operator="GREATER_THAN",
                        threshold=environment.budget.alarm_percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[budgets.CfnBudget.SubscriberProperty(**subscriber)],
                )
            ],
        )
        deny = iam.ManagedPolicy(
            self,
            "NoInvocation",
            statements=[
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    actions=[
                        "sagemaker:InvokeEndpoint",
                        "sagemaker:InvokeEndpointAsync",
                        "sagemaker:InvokeEndpointWithResponseStream",
                    ],
                    resources=["*"],
                )
            ],
        )
        action = budgets.CfnBudgetsAction(
            self,
            "Action",
            budget_name=budget.ref,
            action_type="APPLY_IAM_POLICY",
            action_threshold=budgets.CfnBudgetsAction.ActionThresholdProperty(
                type="PERCENTAGE", value=100
            ),
            approval_model="AUTOMATIC",
            notification_type="ACTUAL",
            execution_role_arn=self._executing(deny, roles).role_arn,
            definition=budgets.CfnBudgetsAction.DefinitionProperty(
                iam_action_definition=budgets.CfnBudgetsAction.IamActionDefinitionProperty(
                    policy_arn=deny.managed_policy_arn, roles=[role.role_name for role in roles]
                )
            ),
            subscribers=[
                budgets.CfnBudgetsAction.SubscriberProperty(
                    type=subscriber["subscription_type"], address=subscriber["address"]
                )
            ],
        )
        action.add_resource_dependency(budget)

    def _executing(self, deny: iam.ManagedPolicy, roles: Sequence[iam.IRole]) -> iam.Role:
        """The role by which AWS Budgets attaches that policy, and no other, to these roles."""
        role = iam.Role(
            self, "ActionRole", assumed_by=iam.ServicePrincipal("budgets.amazonaws.com")
        )
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            resource_arns=[one.role_arn for one in roles],
            conditions={"ArnEquals": {"iam:PolicyARN": deny.managed_policy_arn}},
        )
        return role
