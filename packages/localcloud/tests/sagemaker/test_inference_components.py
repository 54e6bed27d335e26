"""Models on an endpoint's instances, in copies that come and go; none at all where nobody asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        body = os.environ["SAYS"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "inference-component/chat",
    "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
}


@pytest.fixture(scope="module")
def hosting(bench: Bench) -> None:
    """An endpoint without a model, and models that say who they are."""
    for name in ("old", "new", "dead"):
        program = SERVER if name != "dead" else "raise SystemExit('no such model')"
        container = {"Image": bench.image(f"says-{name}", program), "Environment": {"SAYS": name}}
        bench.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=bench.role_arn
        )
    bench.sagemaker.create_endpoint_config(
        EndpointConfigName="hosting",
        ExecutionRoleArn=bench.role_arn,
        ProductionVariants=[
            {
                "VariantName": "main",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "ManagedInstanceScaling": {
                    "Status": "ENABLED",
                    "MinInstanceCount": 0,
                    "MaxInstanceCount": 2,
                },
            }
        ],
    )
    bench.sagemaker.create_endpoint(EndpointName="host", EndpointConfigName="hosting")
    described = bench.sagemaker.describe_endpoint
    bench.wait_for(lambda: described(EndpointName="host")["EndpointStatus"] == "InService")


@pytest.fixture
def component(bench: Bench, hosting: None) -> Iterator[None]:
    create(bench, "chat", "old")
    bench.wait_for(lambda: copies(bench) == 1)
    yield
    bench.wait_for(lambda: copies(bench) is not None)
    bench.sagemaker.delete_inference_component(InferenceComponentName="chat")
    listed = bench.sagemaker.list_inference_components
    bench.wait_for(lambda: not listed(EndpointNameEquals="host")["InferenceComponents"])


def create(bench: Bench, name: str, model: str) -> None:
    bench.sagemaker.create_inference_component(
        InferenceComponentName=name,
        EndpointName="host",
        VariantName="main",
        Specification=specification(model),
        RuntimeConfig={"CopyCount": 1},
    )


def specification(model: str) -> dict[str, Any]:
    return {"ModelName": model, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 256}}


def copies(bench: Bench) -> int | None:
    """How many there are; None while it changes."""
    found = bench.sagemaker.describe_inference_component(InferenceComponentName="chat")
    if found["InferenceComponentStatus"] != "InService":
        return None
    assert found["RuntimeConfig"]["DesiredCopyCount"] >= 0
    count: int = found["RuntimeConfig"]["CurrentCopyCount"]
    return count


def ask(bench: Bench, **members: str) -> str:
    runtime = bench.cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="host", Body=b"", **members)
    text: str = answer["Body"].read().decode()
    return text


def asked(bench: Bench) -> str:
    return ask(bench, InferenceComponentName="chat")


def test_a_component_is_asked_by_its_name(bench: Bench, component: None) -> None:
    assert asked(bench) == "old"
    with pytest.raises(ClientError, match="Inference Component Name header is required"):
        ask(bench)
    with pytest.raises(ClientError, match="Inference Component other of endpoint host not found"):
        ask(bench, InferenceComponentName="other")


def test_a_component_s_containers_have_a_log_of_their_own(bench: Bench, component: None) -> None:
    logs = bench.cloud.client("logs")
    group = "/aws/sagemaker/InferenceComponents/chat"
    found = lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]  # noqa: E731
    bench.wait_for(found)
    assert not logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/host")[
        "logGroups"
    ]


def test_a_component_s_name_is_refused_where_a_model_is_hosted(bench: Bench, hosting: None) -> None:
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    create_config = bench.sagemaker.create_endpoint_config
    managed = {**variant, "ModelName": "old", "ManagedInstanceScaling": {"Status": "ENABLED"}}
    with pytest.raises(ClientError, match="only supported for inference component endpoints"):
        create_config(EndpointConfigName="managed", ProductionVariants=[managed])
    create_config(EndpointConfigName="plain", ProductionVariants=[{**variant, "ModelName": "old"}])
    bench.sagemaker.create_endpoint(EndpointName="plain", EndpointConfigName="plain")
    described = bench.sagemaker.describe_endpoint
    bench.wait_for(lambda: described(EndpointName="plain")["EndpointStatus"] == "InService")
    runtime = bench.cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="Inference Component Name header is not allowed"):
        runtime.invoke_endpoint(EndpointName="plain", InferenceComponentName="chat", Body=b"")
    bench.sagemaker.delete_endpoint(EndpointName="plain")


def test_an_update_replaces_the_model_and_a_bad_one_falls_back(
    bench: Bench, component: None
) -> None:
    update = bench.sagemaker.update_inference_component
    update(InferenceComponentName="chat", Specification=specification("new"))
    bench.wait_for(lambda: copies(bench) == 1)
    assert asked(bench) == "new"
    update(InferenceComponentName="chat", Specification=specification("dead"))
    bench.wait_for(lambda: copies(bench) == 1)
    found = bench.sagemaker.describe_inference_component(InferenceComponentName="chat")
    assert asked(bench) == "new" and "ping health check" in found["FailureReason"]
    assert found["Specification"]["ModelName"] == "new"


def test_none_until_somebody_asks(bench: Bench, component: None) -> None:
    """Scaled in to nothing where nobody asks, and out from nothing by the request that failed."""
    scaling, cloudwatch = (bench.cloud.client(n) for n in ("application-autoscaling", "cloudwatch"))
    scaling.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=2)
    scaling.put_scaling_policy(
        **TARGET,
        PolicyName="load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 4.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": (
                    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
                )
            },
        },
    )
    policy = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="from-none",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    cloudwatch.put_metric_alarm(
        AlarmName="asked-in-vain",
        Namespace="AWS/SageMaker",
        MetricName="NoCapacityInvocationFailures",
        Dimensions=[{"Name": "InferenceComponentName", "Value": "chat"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]],
    )
    bench.cloud.clock.advance(timedelta(minutes=20))
    bench.wait_for(lambda: copies(bench) == 0)
    with pytest.raises(ClientError, match="has no capacity to process this request"):
        asked(bench)
    failed = "NoCapacityInvocationFailures"
    bench.wait_for(lambda: cloudwatch.list_metrics(MetricName=failed)["Metrics"])
    bench.cloud.clock.advance(timedelta(seconds=61))
    bench.wait_for(lambda: copies(bench) == 1)
    assert asked(bench) == "old"
    cloudwatch.delete_alarms(AlarmNames=["asked-in-vain"])
    scaling.deregister_scalable_target(**TARGET)


def test_what_can_not_be(bench: Bench, component: None) -> None:
    with pytest.raises(ClientError, match="hosts inference components, which have to be deleted"):
        bench.sagemaker.delete_endpoint(EndpointName="host")
    with pytest.raises(ClientError, match="Cannot create already existing inference component"):
        create(bench, "chat", "old")
    with pytest.raises(ClientError, match="No inference component found"):
        bench.cloud.client("application-autoscaling").register_scalable_target(
            **{**TARGET, "ResourceId": "inference-component/other"}, MinCapacity=0, MaxCapacity=1
        )
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    with pytest.raises(ClientError, match="needs an ExecutionRoleArn"):
        bench.sagemaker.create_endpoint_config(
            EndpointConfigName="roleless", ProductionVariants=[variant]
        )
    with pytest.raises(ClientError, match="has no variant other"):
        bench.sagemaker.create_inference_component(
            InferenceComponentName="lost",
            EndpointName="host",
            VariantName="other",
            Specification=specification("old"),
        )
