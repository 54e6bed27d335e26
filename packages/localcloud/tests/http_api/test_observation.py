"""Access logs and metrics of an API."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any


def test_every_request_is_in_the_access_log(api: Any) -> None:
    logs, group = api.cloud.client("logs"), f"access-{api.id}"
    logs.create_log_group(logGroupName=group)
    api.mock("/pets")
    api.deploy()
    line = '{"id":"$context.requestId","status":$context.status,"ip":"$context.identity.sourceIp"}'
    patches = [
        {
            "op": "replace",
            "path": "/accessLogSettings/destinationArn",
            "value": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}",
        },
        {"op": "replace", "path": "/accessLogSettings/format", "value": line},
    ]
    api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)
    answers = [api.call("/pets"), api.call("/nosuch")]
    deadline = time.monotonic() + 10
    events: list[Any] = []
    while len(events) < 2 and time.monotonic() < deadline:
        events = logs.filter_log_events(logGroupName=group)["events"]
        time.sleep(0.05)
    logged = {entry["id"]: entry["status"] for entry in (json.loads(e["message"]) for e in events)}
    assert logged == {a.headers["x-amzn-RequestId"]: a.status for a in answers}


def test_requests_are_counted(api: Any) -> None:
    patch = {"op": "replace", "path": "/name", "value": f"counted-{api.id}"}
    api.gateway.update_rest_api(restApiId=api.id, patchOperations=[patch])
    api.mock("/pets")
    api.proxy("/bad", lambda event: "malformed")
    api.deploy()
    for path in ("/pets", "/pets", "/nosuch", "/bad"):
        api.call(path)
    now = api.cloud.clock.now()

    def total(metric: str, **dimensions: str) -> float:
        named = {"ApiName": f"counted-{api.id}", **dimensions}
        points = api.cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=metric,
            Dimensions=[{"Name": k, "Value": v} for k, v in named.items()],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    assert [total(m, Stage="prod") for m in ("Count", "4XXError", "5XXError")] == [4, 1, 1]
    assert total("Count") == 4
