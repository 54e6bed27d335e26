"""When a release may begin, as far as its alarms are concerned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.plan_release.alarm_look import AlarmLook, look
from meguru.release_alarm import Watched, fingerprint_of
from tests.unit.lambdas.plan_release.fake_cloudwatch import FakeCloudWatch, described

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OF_ENDPOINT = {"EndpointName": "text", "VariantName": "v"}
OF_MODEL = {"environment": "poc", "model": "chat", "version": "new"}
ERRORS: list[Watched] = [
    ("AWS/SageMaker", "Invocation5XXErrors", "Sum", OF_ENDPOINT),
    ("AWS/SageMaker", "Invocations", "Sum", OF_ENDPOINT),
]
EMPTY: list[Watched] = [("Meguru", "EmptyAnswer", "Sum", OF_MODEL)]
EXPECTED = {"errors": fingerprint_of("e", 5, ERRORS), "empty": fingerprint_of("q", 10, EMPTY)}
BOTH = ("errors", "empty")


@pytest.fixture
def cloudwatch() -> FakeCloudWatch:
    return FakeCloudWatch([described("errors", "e", 5, ERRORS), described("empty", "q", 10, EMPTY)])


def looked(cloudwatch: FakeCloudWatch, *, minutes: int = -1, back: bool = False) -> AlarmLook:
    """`minutes` ago what serves was asked; before 0: it wasn't."""
    asked_at = (NOW - timedelta(minutes=minutes)).isoformat() if minutes >= 0 else ""
    return look(cloudwatch, EXPECTED, NOW, asked_at=asked_at, is_rollback=back)


def test_all_there_and_quiet(cloudwatch: FakeCloudWatch) -> None:
    assert looked(cloudwatch, minutes=3) == AlarmLook(BOTH)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ActionsEnabled": False}, "enable-alarm-actions"),
        ({"Threshold": 100.0}, "doesn't watch what it was deployed for"),
        ({"Metrics": []}, "doesn't watch what it was deployed for"),
        ({"StateValue": "ALARM"}, "rings already"),
        ({"StateValue": "INSUFFICIENT_DATA"}, "has no data"),
    ],
)
def test_what_could_not_ring_refuses(
    cloudwatch: FakeCloudWatch, change: dict[str, Any], said: str
) -> None:
    cloudwatch.alarms[1] |= change
    found = looked(cloudwatch, minutes=3)
    assert said in found.refusal and "empty" in found.refusal
    assert "then approve the version again" in found.refusal and "\n" not in found.refusal
    assert not looked(cloudwatch, back=True).refusal


def test_one_that_is_missing_refuses(cloudwatch: FakeCloudWatch) -> None:
    del cloudwatch.alarms[0]
    assert "errors is missing: deploy" in looked(cloudwatch).refusal
    assert looked(cloudwatch, back=True) == AlarmLook(("empty",))


@pytest.mark.parametrize("state", ["ALARM", "INSUFFICIENT_DATA"])
def test_a_new_state_is_waited_for(cloudwatch: FakeCloudWatch, state: str) -> None:
    cloudwatch.alarms[0] |= {
        "StateValue": state,
        "StateUpdatedTimestamp": NOW - timedelta(minutes=14),
    }
    assert looked(cloudwatch) == AlarmLook(BOTH, is_pending=True)


def test_a_rollback_heeds_what_is_quiet(cloudwatch: FakeCloudWatch) -> None:
    cloudwatch.alarms[0]["StateValue"] = "ALARM"
    assert looked(cloudwatch, back=True) == AlarmLook(("empty",))


def test_what_serves_was_asked_and_no_metric_shows_it(cloudwatch: FakeCloudWatch) -> None:
    cloudwatch.samples["Invocation5XXErrors"] = 0
    assert looked(cloudwatch, minutes=14).is_pending
    assert "Invocation5XXErrors shows nothing" in looked(cloudwatch, minutes=16).refusal
    # Nothing serves, or is awake: no data can be demanded.
    assert looked(cloudwatch) == AlarmLook(BOTH)
    first = cloudwatch.asked[0]
    assert first["StartTime"] <= NOW - timedelta(minutes=14) and first["EndTime"] > NOW


@pytest.mark.parametrize(
    ("num_requests", "num_measured", "is_refused"),
    [(100, 0, True), (20, 0, True), (19, 0, False), (0, 0, False), (100, 1, False)],
)
def test_answers_that_nobody_measures_refuse(
    cloudwatch: FakeCloudWatch, num_requests: int, num_measured: int, is_refused: bool
) -> None:
    cloudwatch.samples |= {"Invocations": num_requests, "GuardHit": num_measured}
    assert ("no answer was measured" in looked(cloudwatch).refusal) == is_refused
    of_all = [one["Dimensions"] for one in cloudwatch.asked if one["MetricName"] == "GuardHit"]
    assert all({"Name": "version", "Value": "new"} not in one for one in of_all)
