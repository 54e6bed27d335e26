"""Variants that follow load, schedules and alarms."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.sagemaker.target_tracking import stepped_capacity, wanted_capacity

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

SERVER = """
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        time.sleep(float(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def target(bench: Bench) -> Any:
    """An endpoint's variant that may have one to four instances."""
    bench.sagemaker.create_model(
        ModelName="m",
        PrimaryContainer={"Image": bench.image("pings", SERVER)},
        ExecutionRoleArn=bench.role_arn,
    )
    variant = {
        "VariantName": "main",
        "ModelName": "m",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    bench.sagemaker.create_endpoint_config(EndpointConfigName="m", ProductionVariants=[variant])
    bench.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="m")
    bench.wait_for(lambda: _count(bench) == 1)
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


@pytest.fixture(scope="module")
def scaling(bench: Bench) -> Any:
    return bench.cloud.client("application-autoscaling")


def _count(bench: Bench) -> Any:
    endpoint = bench.sagemaker.describe_endpoint(EndpointName="e")
    if endpoint["EndpointStatus"] != "InService":
        return None
    return endpoint["ProductionVariants"][0]["CurrentInstanceCount"]


def test_a_variant_that_is_not_there_is_refused(scaling: Any, target: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="No production variant found"):
        scaling.register_scalable_target(
            **{**target, "ResourceId": "endpoint/e/variant/other"}, MinCapacity=1, MaxCapacity=2
        )
    with pytest.raises(ClientError, match="No scalable target registered"):
        scaling.put_scheduled_action(**target, ScheduledActionName="early", Schedule="rate(1 hour)")


def test_a_schedule_scales_when_its_time_comes(
    bench: Bench, scaling: Any, target: dict[str, str]
) -> None:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    scaling.put_scheduled_action(
        **target,
        ScheduledActionName="morning",
        Schedule="rate(1 hour)",
        ScalableTargetAction={"MinCapacity": 2},
    )
    bench.cloud.clock.advance(timedelta(minutes=61))
    bench.wait_for(lambda: _count(bench) == 2)
    activity = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")
    assert "morning" in activity["ScalingActivities"][0]["Cause"]
    scaling.delete_scheduled_action(**target, ScheduledActionName="morning")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=1)
    bench.wait_for(lambda: _count(bench) == 1)


def test_load_scales_out(bench: Bench, scaling: Any, target: dict[str, str]) -> None:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target,
        PolicyName="load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 10.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )
    end = bench.cloud.clock.now().replace(second=0, microsecond=0)
    bench.cloud.client("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "InvocationsPerInstance",
                "Dimensions": [
                    {"Name": "EndpointName", "Value": "e"},
                    {"Name": "VariantName", "Value": "main"},
                ],
                "Timestamp": end - timedelta(minutes=ago) + timedelta(seconds=5),
                "Value": 25.0,
            }
            for ago in range(-2, 5)
        ],
    )
    bench.cloud.clock.advance(timedelta(seconds=61))
    bench.wait_for(lambda: _count(bench) == 3)
    scaling.deregister_scalable_target(**target)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_requests_under_way_scale_out_and_none_scale_in(
    bench: Bench, scaling: Any, target: dict[str, str]
) -> None:
    """By two policies, of which one alone would scale in all the while."""
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    for name, value, kind in (
        ("busy", 2.0, "SageMakerVariantConcurrentRequestsPerModelHighResolution"),
        ("many", 1000.0, "SageMakerVariantInvocationsPerInstance"),
    ):
        scaling.put_scaling_policy(
            **target,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": value,
                "PredefinedMetricSpecification": {"PredefinedMetricType": kind},
                "ScaleInCooldown": 0,
                "ScaleOutCooldown": 0,
            },
        )
    runtime = bench.cloud.client("sagemaker-runtime")

    def ask() -> None:
        with contextlib.suppress(ClientError):
            runtime.invoke_endpoint(EndpointName="e", Body=b"2")

    with ThreadPoolExecutor(8) as callers:
        asked = [callers.submit(ask) for _ in range(8)]
        time.sleep(0.5)
        bench.cloud.clock.advance(timedelta(minutes=4))
        bench.wait_for(lambda: (_count(bench) or 0) > 1)
        wait(asked)
    bench.cloud.clock.advance(timedelta(minutes=30))
    bench.wait_for(lambda: _count(bench) is not None)
    bench.cloud.clock.advance(timedelta(minutes=30))
    bench.wait_for(lambda: _count(bench) == 1)
    scaling.deregister_scalable_target(**target)


@pytest.mark.parametrize("kind", ["math", "percentile"])
def test_alarms_of_every_kind_take_steps(
    bench: Bench, scaling: Any, target: dict[str, str], kind: str
) -> None:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    policy = scaling.put_scaling_policy(
        **target,
        PolicyName="steps",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ExactCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}],
        },
    )
    cloudwatch = bench.cloud.client("cloudwatch")
    metric = {"Namespace": "App", "MetricName": "Queue"}
    cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Queue", "Value": 9}])
    measured = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    watched: dict[str, Any] = {
        "math": {
            "Metrics": [
                {"Id": "twice", "Expression": "queue * 2"},
                {"Id": "queue", "MetricStat": measured, "ReturnData": False},
            ]
        },
        "percentile": {**metric, "ExtendedStatistic": "p95", "Period": 60},
    }
    cloudwatch.put_metric_alarm(
        AlarmName=kind,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=5,
        AlarmActions=[policy["PolicyARN"]],
        **watched[kind],
    )
    cloudwatch.set_alarm_state(AlarmName=kind, StateValue="ALARM", StateReason="test")
    bench.wait_for(lambda: _count(bench) == 2)
    cloudwatch.delete_alarms(AlarmNames=[kind])
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=1)
    bench.wait_for(lambda: _count(bench) == 1)
    scaling.deregister_scalable_target(**target)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"TargetValue": 0}, "TargetValue must be above 0"),
        ({"TargetValue": 5}, "CustomizedMetricSpecification needs Statistic"),
    ],
)
def test_what_could_not_be_tracked_is_refused(
    scaling: Any, target: dict[str, str], configuration: dict[str, Any], message: str
) -> None:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    metric = {"Namespace": "App", "MetricName": "Queue"}
    with pytest.raises(ClientError, match=message):
        scaling.put_scaling_policy(
            **target,
            PolicyName="none",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "CustomizedMetricSpecification": metric,
                **configuration,
            },
        )
    scaling.deregister_scalable_target(**target)


def test_a_scalable_target_keeps_its_instance_type(
    bench: Bench, scaling: Any, target: dict[str, str]
) -> None:
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    for name, variant, instance_type in (
        ("other-type", "main", "ml.m5.xlarge"),
        ("other-variant", "next", "ml.m5.large"),
    ):
        bench.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": variant,
                    "ModelName": "m",
                    "InitialInstanceCount": 1,
                    "InstanceType": instance_type,
                }
            ],
        )
        with pytest.raises(ClientError, match="main must be deregistered as scalable target"):
            bench.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=name)
    scaling.deregister_scalable_target(**target)
    bench.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="other-type")
    bench.wait_for(lambda: _count(bench) is not None)
    endpoint = bench.sagemaker.describe_endpoint(EndpointName="e")
    assert endpoint["EndpointConfigName"] == "other-type"


def test_other_services_are_recorded(scaling: Any) -> None:
    table = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/t",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    scaling.register_scalable_target(**table, MinCapacity=1, MaxCapacity=9)
    targets = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert [each["MaxCapacity"] for each in targets] == [9]
    with pytest.raises(ClientError, match="cannot be less than minimum"):
        scaling.register_scalable_target(**table, MinCapacity=10)


@pytest.mark.parametrize(
    ("minutes", "wanted"),
    [
        ([25.0] * 3, 5),
        ([25.0, None, 25.0], 2),
        ([9.5] * 15, 2),
        ([4.0] * 15, 1),
        ([4.0] * 14 + [None], 2),
        ([], 2),
    ],
)
def test_target_tracking(minutes: list[float | None], wanted: int) -> None:
    assert wanted_capacity(minutes, 10.0, 2, can_scale_in=True) == wanted


@pytest.mark.parametrize(("breach", "wanted"), [(5, 3), (10, 4), (25, 4), (-1, 1), (-30, 0)])
def test_steps(breach: float, wanted: int) -> None:
    steps = [
        {"MetricIntervalUpperBound": -20, "ScalingAdjustment": -2},
        {
            "MetricIntervalLowerBound": -20,
            "MetricIntervalUpperBound": 0,
            "ScalingAdjustment": -1,
        },
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
    ]
    configuration = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
    assert stepped_capacity(configuration, 2, breach) == wanted
