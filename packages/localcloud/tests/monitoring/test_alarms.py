"""CloudWatch in a running cloud: metrics, alarms on its clock, and what they do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.cloud import Cloud
from localcloud.monitoring.alarms import CloudWatchService
from localcloud.service import Service

ACTION = "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:one"


class FakeEvents(Service):
    """A bus that remembers."""

    service_name = "events"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.emitted: list[tuple[str, str, Any, list[str]]] = []
        account.events.connect(self.emit)

    def emit(self, source: str, detail_type: str, detail: Any, resources: Iterable[str]) -> None:
        self.emitted.append((source, detail_type, detail, list(resources)))


class FakeLambda(Service):
    """Remembers events; open to alarms."""

    service_name = "lambda"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.events: list[Any] = []

    def resource_policy(self, arn: str) -> dict[str, Any]:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.alarms.cloudwatch.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    def invoke(self, request: Request, caller: Caller) -> Response:
        self.events.append(json.loads(request["Payload"]))
        return {"StatusCode": 202, "Payload": b""}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(services=[FakeEvents, FakeLambda, CloudWatchService]) as running:
        yield running


@pytest.fixture
def cloudwatch(cloud: Cloud) -> Any:
    return cloud.client("cloudwatch")


def put(cloudwatch: Any, *values: float, name: str = "Errors", **options: Any) -> None:
    datum = {"MetricName": name, "Values": list(values), **options}
    cloudwatch.put_metric_data(Namespace="App", MetricData=[datum])


def put_alarm(cloudwatch: Any, **options: Any) -> None:
    cloudwatch.put_metric_alarm(
        **{
            "AlarmName": "errors",
            "Namespace": "App",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 3.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **options,
        }
    )


def state(cloudwatch: Any, name: str = "errors") -> str:
    types = ["MetricAlarm", "CompositeAlarm"]
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=types)
    return str((found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"])


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pass_time(cloud: Cloud, seconds: float) -> None:
    cloud.clock.advance(timedelta(seconds=seconds))
    cloud.service(CloudWatchService).evaluate_alarms()


def test_an_alarm_goes_off_and_calms_down(cloud: Cloud, cloudwatch: Any) -> None:
    put_alarm(cloudwatch, TreatMissingData="notBreaching")
    assert state(cloudwatch) == "INSUFFICIENT_DATA"
    put(cloudwatch, 2.0, 2.0)
    pass_time(cloud, 60)
    assert state(cloudwatch) == "ALARM"
    pass_time(cloud, 240)
    assert state(cloudwatch) == "OK"
    changes = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in changes["AlarmHistoryItems"]]
    assert summaries[0] == "Alarm updated from ALARM to OK"
    assert summaries[1].endswith("to ALARM")


def test_advancing_the_clock_is_enough(cloud: Cloud, cloudwatch: Any) -> None:
    put_alarm(cloudwatch)
    put(cloudwatch, 9.0)
    cloud.clock.advance(timedelta(seconds=60))
    assert eventually(lambda: state(cloudwatch) == "ALARM")


def test_a_breach_in_the_middle_of_a_long_advance_is_not_missed(
    cloud: Cloud, cloudwatch: Any
) -> None:
    put_alarm(cloudwatch, TreatMissingData="notBreaching", AlarmActions=[ACTION])
    fired: list[str] = []
    cloud.account.metrics.on_alarm("autoscaling", lambda arn, alarm: fired.append(arn))
    later = cloud.clock.now() + timedelta(minutes=30)
    put(cloudwatch, 9.0, Timestamp=later)
    pass_time(cloud, 3600)
    assert state(cloudwatch) == "OK"
    assert eventually(lambda: fired == [ACTION])


def test_a_change_is_published_emitted_and_invoked(cloud: Cloud, cloudwatch: Any) -> None:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    queue_arn = "arn:aws:sqs:us-east-1:123456789012:inbox"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    put_alarm(cloudwatch, AlarmActions=[topic, function, "arn:aws:swf:us-east-1:1:action/x"])
    put(cloudwatch, 9.0)
    pass_time(cloud, 60)
    events, functions = cloud.service(FakeEvents), cloud.service(FakeLambda)
    assert eventually(lambda: bool(functions.events))
    [(source, detail_type, detail, resources)] = events.emitted
    assert (source, detail_type) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert detail["state"]["value"] == "ALARM" and detail["alarmName"] == "errors"
    assert detail["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == "Errors"
    assert resources == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"]
    assert functions.events[0]["alarmData"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    notification = json.loads(json.loads(message["Body"])["Message"])
    assert notification["NewStateValue"] == "ALARM"
    assert notification["Trigger"]["MetricName"] == "Errors"


def test_actions_can_be_switched_off(cloud: Cloud, cloudwatch: Any) -> None:
    fired: list[str] = []
    cloud.account.metrics.on_alarm(
        "autoscaling", lambda arn, alarm: fired.append(alarm["StateValue"])
    )
    put_alarm(cloudwatch, AlarmActions=[ACTION], OKActions=[ACTION])
    cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="try")
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="try")
    assert eventually(lambda: fired == ["OK"])


def test_percentiles_and_several_periods(cloud: Cloud, cloudwatch: Any) -> None:
    slow = {"MetricName": "Latency", "Statistic": None, "ExtendedStatistic": "p90"}
    options = {k: v for k, v in slow.items() if v is not None}
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="App",
        Period=60,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
        Threshold=100.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        **options,
    )
    for _ in range(2):
        put(cloudwatch, *[10.0] * 80, *[200.0] * 20, name="Latency")
        pass_time(cloud, 60)
    assert state(cloudwatch) == "ALARM"


def test_an_alarm_on_metric_math(cloud: Cloud, cloudwatch: Any) -> None:
    def query(name: str) -> dict[str, Any]:
        metric = {"Namespace": "App", "MetricName": name}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        return {"Id": name.lower(), "MetricStat": stat, "ReturnData": False}

    rate = {"Id": "rate", "Expression": "100 * errors / requests"}
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        EvaluationPeriods=1,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[rate, query("Errors"), query("Requests")],
    )
    put(cloudwatch, 2.0)
    put(cloudwatch, 10.0, name="Requests")
    pass_time(cloud, 60)
    assert state(cloudwatch) == "ALARM"


def test_composite_alarms_follow_their_rule(cloud: Cloud, cloudwatch: Any) -> None:
    put_alarm(cloudwatch)
    put_alarm(cloudwatch, AlarmName="other")
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(errors) AND NOT OK(other)")
    put(cloudwatch, 9.0)
    pass_time(cloud, 60)
    assert state(cloudwatch, "both") == "ALARM"
    with pytest.raises(ClientError, match="do not exist"):
        cloudwatch.put_composite_alarm(AlarmName="x", AlarmRule="ALARM(nosuch)")


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"Statistic": "TM(10%:90%)"}, "Statistic|statistic"),
        ({"ExtendedStatistic": "p99"}, "either Statistic or ExtendedStatistic"),
        ({"Period": 61}, "Invalid period"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"ThresholdMetricId": "band"}, "anomaly detection is not simulated"),
        ({"TreatMissingData": "guess"}, "TreatMissingData"),
    ],
)
def test_alarms_that_can_not_be_are_refused(
    cloudwatch: Any, options: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(ClientError, match=refusal):
        put_alarm(cloudwatch, **options)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_alarms_are_described_and_deleted(cloudwatch: Any) -> None:
    for name in ("a-1", "a-2", "b-1"):
        put_alarm(cloudwatch, AlarmName=name, Tags=[{"Key": "k", "Value": name}])
    found = cloudwatch.describe_alarms(AlarmNamePrefix="a-", MaxRecords=1)
    assert [a["AlarmName"] for a in found["MetricAlarms"]] == ["a-1"] and found["NextToken"]
    arn = found["MetricAlarms"][0]["AlarmArn"]
    tags = cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert tags == [{"Key": "k", "Value": "a-1"}]
    cloudwatch.delete_alarms(AlarmNames=["a-1", "a-2"])
    assert [a["AlarmName"] for a in cloudwatch.describe_alarms()["MetricAlarms"]] == ["b-1"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloudwatch.delete_alarms(AlarmNames=["a-1"])


def test_metrics_come_out_as_they_went_in(cloud: Cloud, cloudwatch: Any) -> None:
    by_model = [{"Name": "Model", "Value": "a"}]
    put(cloudwatch, 1.0, 3.0, Counts=[2.0, 1.0], Dimensions=by_model, Unit="Count")
    statistics = {"SampleCount": 2, "Sum": 10, "Minimum": 4, "Maximum": 6}
    datum = {"MetricName": "Errors", "StatisticValues": statistics, "Dimensions": by_model}
    cloudwatch.put_metric_data(Namespace="App", MetricData=[datum])
    now = cloud.clock.now()
    [point] = cloudwatch.get_metric_statistics(
        Namespace="App",
        MetricName="Errors",
        Dimensions=by_model,
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Average", "Minimum", "Maximum"],
    )["Datapoints"]
    names = ("Sum", "SampleCount", "Average", "Minimum", "Maximum")
    assert [point[name] for name in names] == [15, 5, 3, 1, 6]
    assert cloudwatch.list_metrics(Namespace="App", Dimensions=by_model)["Metrics"]
    assert not cloudwatch.list_metrics(Namespace="App", Dimensions=[{"Name": "Nosuch"}])["Metrics"]


def test_embedded_metrics_are_metrics(cloud: Cloud, cloudwatch: Any) -> None:
    directive = {"Namespace": "Logs", "Dimensions": [[]], "Metrics": [{"Name": "Tokens"}]}
    milliseconds = int(cloud.clock.time() * 1000)
    metadata = {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}
    line = json.dumps({"_aws": metadata, "Tokens": [5, 7]})
    cloud.service(CloudWatchService).record_embedded_metrics(line)
    now = cloud.clock.now()
    stat = {"Metric": {"Namespace": "Logs", "MetricName": "Tokens"}, "Period": 60, "Stat": "p50"}
    [result] = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "t", "MetricStat": stat}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
    )["MetricDataResults"]
    assert result["Values"] == [5.0]


def test_bad_measurements_are_refused(cloudwatch: Any) -> None:
    for datum in (
        {"MetricName": "M"},
        {"MetricName": "M", "Value": 1.0, "Values": [1.0]},
        {"MetricName": "M", "Value": float("nan")},
        {"MetricName": "M", "Values": [1.0], "Counts": [1.0, 2.0]},
    ):
        with pytest.raises(ClientError, match="InvalidParameter"):
            cloudwatch.put_metric_data(Namespace="App", MetricData=[datum])
    assert cloudwatch.list_metrics()["Metrics"] == []


def test_dashboards_are_recorded(cloudwatch: Any) -> None:
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    assert cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
    assert [d["DashboardName"] for d in cloudwatch.list_dashboards()["DashboardEntries"]] == ["d"]
    with pytest.raises(ClientError, match="InvalidParameterInput"):
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{")
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloudwatch.get_dashboard(DashboardName="d")


def test_a_state_or_token_that_is_none_is_refused(cloudwatch: Any) -> None:
    put_alarm(cloudwatch)
    with pytest.raises(ClientError, match="StateValue BROKEN must be one of"):
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue="BROKEN", StateReason="x")
    assert state(cloudwatch) == "INSUFFICIENT_DATA"
    for ask in (cloudwatch.describe_alarms, cloudwatch.describe_alarm_history):
        with pytest.raises(ClientError, match="NextToken"):
            ask(NextToken="none")


def test_the_history_has_pages_and_types(cloudwatch: Any) -> None:
    put_alarm(cloudwatch)
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(errors)")
    for value in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue=value, StateReason="x")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate", PaginationConfig={"PageSize": 1}
    )
    told = [item["HistorySummary"] for page in pages for item in page["AlarmHistoryItems"]]
    assert told[0].endswith("to OK") and told[1].endswith("to ALARM") and len(told) == 2
    kept = cloudwatch.describe_alarm_history(AlarmTypes=["CompositeAlarm"])["AlarmHistoryItems"]
    assert {item["AlarmName"] for item in kept} == {"both"}
