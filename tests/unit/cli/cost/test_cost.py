"""An estimate, from templates that are small enough to add up by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.cost import prices
from cli.cost.command import Money, estimate, facts, notes
from cli.cost.idle import idle_costs
from cli.cost.item import Item, total
from cli.cost.work import request_costs, run_costs
from stacks.environment import Environment, read_environment

FILE = """
name: acme
models:
  staff-chat:
    endpoint: {instance_type: ml.g5.xlarge, min_instances: 2, max_instances: 4}
"""
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 1024}}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return read(tmp_path, FILE)


def read(folder: Path, text: str) -> Environment:
    file = folder / "environment.yaml"
    file.write_text(text)
    return read_environment(file)


def named(items: list[Item]) -> dict[str, Item]:
    return {one.what: one for one in items}


def test_endpoints_cost_by_their_fewest_instances(environment: Environment) -> None:
    found = named(idle_costs(environment, []))
    assert found["endpoint staff-chat"].dollars == pytest.approx(2 * 730 * 1.41)


def test_an_endpoint_that_scales_to_zero_costs_about_nothing_until_somebody_asks(
    environment: Environment, tmp_path: Path
) -> None:
    idle = read(tmp_path, FILE.replace("min_instances: 2", "min_instances: 0"))
    found = named(idle_costs(idle, []))
    assert found["endpoint staff-chat"].dollars == 0
    assert found["scaling staff-chat"].dollars == pytest.approx(0.2 + 0.6 + 0.1)
    assert total(idle_costs(idle, [])) < 1
    [said] = [one for one in notes(idle, {}) if "staff-chat" in one]
    assert "starts one, at USD 1.41 an hour" in said
    assert not [one for one in notes(environment, {}) if "staff-chat" in one]


def test_hours_of_an_endpoint_that_scales_to_zero_are_paid(tmp_path: Path) -> None:
    hours = "min_instances: 0, hours: {days: [MON], holidays: none, from: '00:00', to: '24:00'}"
    idle = read(tmp_path, FILE.replace("min_instances: 2", hours))
    dollars = named(idle_costs(idle, []))["endpoint staff-chat"].dollars
    # A day of the week, and ten minutes before it.
    assert dollars == pytest.approx(730 / 7 * 1.41, rel=0.05)


def test_what_stands_there_is_paid_by_the_piece(environment: Environment) -> None:
    metric: dict[str, Any] = {"MetricStat": {}}
    template: dict[str, Any] = {
        "Key": {"Type": "AWS::KMS::Key"},
        "One": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "Two": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {"Metrics": [{"Expression": "a / b"}, metric, metric]},
        },
        "Queue": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {}},
        "Stream": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"StartingPosition": "LATEST"},
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
    }
    found = named(idle_costs(environment, [template]))
    assert found["keys"].dollars == 1.0
    assert found["alarms' metrics"].dollars == pytest.approx(0.3)
    assert found["queues that are polled"].dollars == pytest.approx(0.26, abs=0.01)
    assert "AWS::S3::Bucket" not in found


def test_a_type_without_a_price_is_named_and_not_taken_for_nothing(
    environment: Environment,
) -> None:
    items = idle_costs(environment, [{"Cluster": {"Type": "AWS::EKS::Cluster"}}])
    assert named(items)["AWS::EKS::Cluster"].dollars is None
    said = facts(environment, {"idle": items})
    assert said["unpriced"] == ["AWS::EKS::Cluster (1)"]
    assert "AWS::EKS::Cluster" in said["notes"][-1]


def test_an_instance_type_without_a_price_is_named(tmp_path: Path) -> None:
    environment = read(tmp_path, FILE.replace("ml.g5.xlarge", "ml.r7i.large"))
    assert named(idle_costs(environment, []))["endpoint staff-chat"].dollars is None


@pytest.mark.parametrize(
    ("expression", "times"), [("rate(5 minutes)", 8760), ("rate(1 hour)", 730)]
)
def test_looks_by_the_clock(environment: Environment, expression: str, times: int) -> None:
    template: dict[str, Any] = {
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": expression,
                "Targets": [{"Arn": {"Fn::GetAtt": ["Function", "Arn"]}}],
            },
        },
        "Function": FUNCTION,
    }
    found = named(idle_costs(environment, [template]))["looks by the clock"]
    a_call = prices.LAMBDA_REQUEST + 0.5 * prices.LAMBDA_GB_SECOND
    assert found.dollars == pytest.approx(times * a_call)


def test_a_run_is_its_jobs(environment: Environment) -> None:
    found = named(list(run_costs(environment, 1_000_000)))
    assert set(found) == {"curation", "training staff-chat", "evaluation staff-chat"}
    assert found["curation"].dollars == pytest.approx(0.25 * 0.115)
    more = named(list(run_costs(environment, 100_000_000)))
    few = found["training staff-chat"].dollars
    many = more["training staff-chat"].dollars
    assert few is not None and many is not None and many > few


def test_a_base_model_of_unknown_size_costs_at_most_its_time_limit(tmp_path: Path) -> None:
    text = """
name: acme
models:
  staff-chat:
    base: swallow
    training: {instance_type: ml.m5.xlarge, spot: false, max_runtime_minutes: 120}
"""
    found = named(list(run_costs(read(tmp_path, text), 1_000_000)))["training staff-chat"]
    assert found.dollars == pytest.approx(2 * 0.23)
    assert "at most 2 hours" in found.note


def test_an_estimate_is_of_the_templates_that_are_made_of_the_file(tmp_path: Path) -> None:
    def synthesize(file: Path, folder: Path) -> Path:
        folder.mkdir()
        template = {"Resources": {"Key": {"Type": "AWS::KMS::Key"}, "A1AnswerRequest": FUNCTION}}
        (folder / "One.template.json").write_text(json.dumps(template))
        return folder

    read(tmp_path, FILE)
    of, made = estimate(tmp_path / "environment.yaml", 1000, 1.0, synthesize)
    assert of.name == "acme" and named(made["idle"])["keys"].dollars == 1.0
    assert {name for name, items in made.items() if total(items)} == {"idle", "run", "requests"}


def test_requests(environment: Environment) -> None:
    template = {"ApiAnswerRequest12AB": FUNCTION, "ApiAuthorizeRequest34CD": FUNCTION}
    found = named(list(request_costs(environment, [template], 10.0)))
    # Sixteen at a time, of ten seconds each, are 96 a minute: fewer than the 300 that may be.
    assert found["API Gateway"].dollars == pytest.approx(0.0035)
    seconds = 1000 * (10 + 0.05)
    assert found["functions"].dollars == pytest.approx(
        seconds * prices.LAMBDA_GB_SECOND + 2000 * prices.LAMBDA_REQUEST
    )
    assert found["endpoint staff-chat"].dollars == pytest.approx(1000 / 96 / 60 * 1.41)


def test_without_the_function_its_price_is_not_nothing(environment: Environment) -> None:
    assert named(list(request_costs(environment, [], 10.0)))["functions"].dollars is None


def test_money_in_the_environments_currency(tmp_path: Path) -> None:
    environment = read(tmp_path, FILE + "budget: {currency: JPY, per_usd: 150}\n")
    money = Money.of(environment)
    assert (money.currency, money.said(100.0), money.said(None)) == ("JPY", "15,000", "?")
    items = [Item("one", 2.0), Item("other", None)]
    assert total(items) == 2.0
    assert facts(environment, {"idle": items})["jpy"] == {"idle": 300.0}


def test_dollars_without_a_rate(environment: Environment) -> None:
    money = Money.of(environment)
    assert (money.currency, money.said(2062.5), money.said(0.00351)) == (
        "USD",
        "2,062.50",
        "0.0035",
    )
    assert money.said(0.000001) == "< 0.0001" and money.said(0.0) == "0.00"
    assert any("budget.per_usd" in line for line in notes(environment, {}))
