"""A budget that ends: the alarms before it, and the second line behind the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from meguru.billing import Billing
from meguru.names import BUDGET_METRIC, METRIC_NAMESPACE
from meguru.usage_report import LOG_FILTER
from tests.stacks.deployment import Deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis


def of(synthesis: Synthesis, path: str) -> dict[str, dict[str, Any]]:
    """The properties of what stands under a construct, by their names in it."""
    found = [one for one in synthesis.resources() if one.path.startswith(f"{path}/")]
    return {one.path.removeprefix(f"{path}/").split("/")[0]: one.properties for one in found}


def test_alarms_ring_before_a_budget_ends_and_at_its_end(syntheses: dict[str, Synthesis]) -> None:
    watch = of(syntheses["production"], "LedgerWatch")
    alarms = [watch[name] for name in ("BudgetNearlyUsed", "BudgetUsedUp")]
    assert [alarm["Threshold"] for alarm in alarms] == [80, 99]
    for alarm in alarms:
        assert (alarm["Namespace"], alarm["MetricName"]) == (METRIC_NAMESPACE, BUDGET_METRIC)
        assert alarm["Dimensions"] == [{"Name": "environment", "Value": "production"}]
        assert len(alarm["AlarmActions"]) == 1


def test_without_a_budget_there_is_nothing_to_ring(syntheses: dict[str, Synthesis]) -> None:
    assert "BudgetUsedUp" not in of(syntheses["poc"], "LedgerWatch")
    assert of(syntheses["poc"], "SpendingLimit") == {}


def test_functions_are_told_what_the_file_says(
    syntheses: dict[str, Synthesis], deployments: dict[str, Deployment]
) -> None:
    functions = deployments["longest"].functions.values()
    [text] = {one.told["BILLING"] for one in functions if "BILLING" in one.told}
    assert Billing.from_json(text) == syntheses["longest"].environment.billing
    assert json.loads(text)["budget"] == {
        "per_day": 500_000,
        "per_month": 5_000_000,
        "tokens_per_day": 1,
        "tokens_per_month": 2,
        "stops": True,
    }


def test_each_models_log_is_heard(synthesis: Synthesis) -> None:
    filters = list(synthesis.resources("AWS::Logs::SubscriptionFilter"))
    assert len(filters) == len(synthesis.environment.models)
    assert {one.properties["FilterPattern"] for one in filters} == {LOG_FILTER}


@pytest.fixture
def limit(syntheses: dict[str, Synthesis]) -> dict[str, dict[str, Any]]:
    return of(syntheses["longest"], "SpendingLimit")


def test_aws_budgets_watches_what_is_the_environments(limit: dict[str, dict[str, Any]]) -> None:
    budget = limit["Budget"]["Budget"]
    assert budget["BudgetLimit"] == {"Amount": 100, "Unit": "USD"}
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:meguru:environment${'e' * 20}"]}


def test_its_action_takes_away_the_right_to_ask_a_model(limit: dict[str, dict[str, Any]]) -> None:
    [statement] = limit["NoInvocation"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", "*")
    assert "sagemaker:InvokeEndpointWithResponseStream" in statement["Action"]
    action = limit["Action"]
    definition = action["Definition"]["IamActionDefinition"]
    assert action["ApprovalModel"] == "AUTOMATIC"
    assert action["ActionThreshold"] == {"Type": "PERCENTAGE", "Value": 100}
    assert ["AnswerRequestRole" in json.dumps(role) for role in definition["Roles"]] == [True]


def test_it_may_attach_that_policy_and_no_other(syntheses: dict[str, Synthesis]) -> None:
    found = [
        statement
        for resource, statement in syntheses["longest"].statements()
        if "iam:AttachRolePolicy" in statement["Action"]
    ]
    [statement] = found
    assert "AnswerRequestRole" in json.dumps(statement["Resource"])
    condition = statement["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert "NoInvocation" in json.dumps(condition)
