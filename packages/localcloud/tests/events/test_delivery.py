"""Deliveries: order, retries in the cloud's time, giving up, stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from localcloud.clock import Clock
from localcloud.events.delivery import Courier, Delivery, Failure, RefusedError, Retries

Eventually = Callable[..., Any]


def client_error(code: str, status: int) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": "as it is"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Invoke")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def courier(clock: Clock) -> Iterator[Courier]:
    courier = Courier(clock, "test")
    yield courier
    courier.stop(drain_seconds=0)


class Target:
    """Takes deliveries after so many failures."""

    def __init__(self, error: Exception | None = None, num_failures: int = 0) -> None:
        self.error, self.num_failures, self.received = error, num_failures, list[int]()

    def take(self, number: int) -> None:
        if self.error and self.num_failures:
            self.num_failures -= 1
            raise self.error
        self.received.append(number)


def delivery(clock: Clock, target: Target, number: int = 0, **settings: Any) -> Delivery:
    return Delivery("rule r, target t", "t", lambda: target.take(number), clock.now(), **settings)


def test_deliveries_to_one_target_keep_their_order(
    clock: Clock, courier: Courier, eventually: Eventually
) -> None:
    target = Target()
    for number in range(200):
        courier.post(delivery(clock, target, number))
    eventually(lambda: courier.num_undelivered == 0)
    assert target.received == list(range(200))


@pytest.mark.parametrize(
    "error",
    [
        client_error("TooManyRequestsException", 429),
        client_error("InternalFailure", 500),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_a_passing_failure_is_tried_again_when_the_clock_says(
    clock: Clock, courier: Courier, eventually: Eventually, error: Exception
) -> None:
    target = Target(error, num_failures=3)
    courier.post(delivery(clock, target))
    for _ in range(3):
        eventually(lambda: courier.num_waiting == 1)
        assert target.received == []
        clock.advance(timedelta(minutes=5))
        eventually(lambda: courier.num_waiting == 0 or target.num_failures == 0)
    eventually(lambda: courier.num_undelivered == 0)
    assert target.received == [0]
    assert not courier.failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("AccessDeniedException", 403), "AccessDeniedException"),
        (client_error("ResourceNotFoundException", 404), "ResourceNotFoundException"),
        (client_error("NotImplemented", 501), "NotImplemented"),
        (RefusedError("MalformedDetail", "Detail is malformed."), "MalformedDetail"),
        (KeyError("a bug"), "INTERNAL_ERROR"),
    ],
)
def test_a_lasting_failure_is_given_up_at_once(
    clock: Clock, courier: Courier, eventually: Eventually, error: Exception, code: str
) -> None:
    failures: list[Failure] = []
    target = Target(error, num_failures=1)
    courier.post(delivery(clock, target, on_failure=failures.append))
    courier.post(delivery(clock, target, number=1))
    eventually(lambda: courier.num_undelivered == 0)
    assert [(failure.code, failure.retries, failure.condition) for failure in failures] == [
        (code, 0, None)
    ]
    assert target.received == [1]


@pytest.mark.parametrize(
    ("retries", "condition", "num_tries"),
    [
        (Retries(maximum_attempts=2), "MaximumRetryAttempts", 3),
        (Retries(maximum_attempts=0), "MaximumRetryAttempts", 1),
        (Retries(maximum_age=timedelta(seconds=2)), "MaximumEventAgeInSeconds", 2),
    ],
)
def test_a_failure_that_goes_on_is_given_up_at_the_limit(
    clock: Clock,
    courier: Courier,
    eventually: Eventually,
    retries: Retries,
    condition: str,
    num_tries: int,
) -> None:
    target = Target(client_error("InternalFailure", 500), num_failures=100)
    courier.post(delivery(clock, target, retries=retries))
    while courier.num_undelivered:
        eventually(lambda: courier.num_waiting or not courier.num_undelivered)
        clock.advance(timedelta(seconds=2))
    assert courier.failures[0].condition == condition
    assert 100 - target.num_failures == num_tries


def test_a_dead_letter_queue_that_fails_does_not_stop_the_lane(
    clock: Clock, courier: Courier, eventually: Eventually
) -> None:
    def unreachable(_failure: Failure) -> None:
        raise client_error("AccessDenied", 403)

    target = Target(client_error("AccessDenied", 403), num_failures=1)
    courier.post(delivery(clock, target, on_failure=unreachable))
    courier.post(delivery(clock, target, number=1))
    eventually(lambda: target.received == [1])


def test_stopping_waits_for_what_is_on_its_way_and_tells_what_is_left(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    courier, taken = Courier(clock, "test"), list[int]()
    slow = threading.Event()

    def send() -> None:
        slow.wait(0.1)
        taken.append(1)

    for _ in range(3):
        courier.post(Delivery("slow", "t", send, clock.now()))
    broken = Target(client_error("InternalFailure", 500), num_failures=9)
    courier.post(delivery(clock, broken))
    courier.stop()
    assert taken == [1, 1, 1]
    assert "1 events undelivered" in caplog.text
    courier.post(delivery(clock, broken))
    assert "not delivered" in caplog.text
    assert not [t for t in threading.enumerate() if t.name.startswith("test-")]
