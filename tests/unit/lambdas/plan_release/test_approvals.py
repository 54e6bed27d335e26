"""When a version was approved, told from what the registry says now and what was seen before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.plan_release.approvals import Seen, last_approved, look
from lambdas.plan_release.plan import Wanted

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeRegistry:
    """Model packages as SageMaker describes them; a minute passes with every change."""

    def __init__(self, num_versions: int) -> None:
        self._now = START
        self._packages = {
            f"arn:p/group/{n}": {
                "ModelPackageArn": f"arn:p/group/{n}",
                "CreationTime": START,
                "ModelApprovalStatus": "PendingManualApproval",
            }
            for n in range(1, num_versions + 1)
        }

    def change(self, number: int, **values: Any) -> None:
        self._now += timedelta(minutes=1)
        self._packages[f"arn:p/group/{number}"] |= {"LastModifiedTime": self._now, **values}

    def approve(self, number: int) -> None:
        self.change(number, ModelApprovalStatus="Approved", LastModifiedBy={"who": "a person"})

    def reject(self, number: int) -> None:
        self.change(number, ModelApprovalStatus="Rejected")

    def get_paginator(self, operation: str) -> FakeRegistry:
        assert operation == "list_model_packages"
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        """One version a page."""
        return [
            {"ModelPackageSummaryList": [{"ModelPackageArn": arn}]}
            for arn, package in self._packages.items()
            if package["ModelApprovalStatus"] == request["ModelApprovalStatus"]
        ]

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        return {**self._packages[request["ModelPackageName"]], "ResponseMetadata": {"id": "any"}}


def wanted(registry: FakeRegistry, seen: Seen, released: Wanted | None = None) -> str | None:
    """Look, keep what was seen, and give the wanted version's number."""
    found = look(registry, "group", seen)
    seen.clear()
    seen.update(found)
    arn = last_approved(seen, released)
    return arn and arn.rpartition("/")[2]


def release(seen: Seen, number: int) -> Wanted:
    arn = f"arn:p/group/{number}"
    return Wanted(arn, seen[arn]["approved_at"], "name")


def test_nothing_is_wanted_before_an_approval() -> None:
    registry = FakeRegistry(2)
    registry.reject(1)
    assert wanted(registry, {}) is None


def test_the_last_approved_one_is_wanted_whatever_its_number() -> None:
    registry, seen = FakeRegistry(3), Seen()
    for number in (3, 1, 2):
        registry.approve(number)
    assert wanted(registry, seen) == "2"
    registry.approve(1)
    assert wanted(registry, seen) == "1"


def test_approved_at_the_same_time_the_later_version_is_wanted() -> None:
    registry = FakeRegistry(12)
    for number in (9, 12, 2):
        registry.change(number, ModelApprovalStatus="Approved")
        registry.change(number, LastModifiedTime=START)
    assert wanted(registry, {}) == "12"


def test_an_edit_is_no_approval() -> None:
    registry, seen = FakeRegistry(2), Seen()
    registry.approve(1)
    wanted(registry, seen)
    registry.approve(2)
    wanted(registry, seen)
    registry.change(1, CustomerMetadataProperties={"note": "1"})
    assert wanted(registry, seen) == "2"
    registry.change(1, CustomerMetadataProperties={"note": "2"})
    assert wanted(registry, seen) == "2"


def test_approving_again_counts_also_where_the_rejection_was_not_seen() -> None:
    registry, seen = FakeRegistry(2), Seen()
    registry.approve(1)
    registry.approve(2)
    assert wanted(registry, seen) == "2"
    registry.reject(1)
    registry.approve(1)
    assert wanted(registry, seen) == "1"
    registry.approve(2)
    assert wanted(registry, seen) == "2"


def test_looking_again_changes_nothing() -> None:
    registry, seen = FakeRegistry(2), Seen()
    registry.approve(2)
    registry.approve(1)
    wanted(registry, seen)
    before = dict(seen)
    assert wanted(registry, seen) == "1"
    assert seen == before


def test_rejecting_what_is_not_yet_released_brings_the_next_newest() -> None:
    registry, seen = FakeRegistry(3), Seen()
    registry.approve(1)
    wanted(registry, seen)
    released = release(seen, 1)
    registry.approve(2)
    registry.approve(3)
    assert wanted(registry, seen, released) == "3"
    registry.reject(3)
    assert wanted(registry, seen, released) == "2"
    registry.reject(2)
    assert wanted(registry, seen, released) == "1"


def test_rejecting_what_serves_brings_nothing_back() -> None:
    registry, seen = FakeRegistry(2), Seen()
    registry.approve(1)
    registry.approve(2)
    wanted(registry, seen)
    released = release(seen, 2)
    registry.reject(2)
    assert wanted(registry, seen, released) is None
    registry.approve(2)
    assert wanted(registry, seen, released) == "2"
    registry.approve(1)
    assert wanted(registry, seen, released) == "1"
