"""Bringing back the version that served before: a person's decision, with a name and a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cli.account import Account
from cli.loop import LoopFailed
from cli.model_versions import describe_version, read_release
from cli.prompts import find_model
from lambdas.plan_release import approvals
from lambdas.plan_release.hosting import find_component, find_endpoint
from lambdas.plan_release.plan import is_changing
from lambdas.plan_release.release_record import Row, served_in, wanted_in
from meguru.names import METRIC_NAMESPACE
from meguru.rollback import STOP_DIMENSION, STOP_METRIC, before_last, rollback_description

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Way:
    """Back from `serving` to `target`, both ARNs of versions; `stopped` is one whose release is
    under way, empty where none is."""

    target: str
    serving: str
    stopped: str

    def said(self) -> str:
        """What is being done, in one line."""
        if self.stopped and self.target == self.serving:
            return f"The release of version {number(self.stopped)} is stopped; version " + (
                f"{number(self.target)} goes on serving."
            )
        stops = (
            f" The release of version {number(self.stopped)} is stopped." if self.stopped else ""
        )
        return (
            f"Version {number(self.target)} comes back for version {number(self.serving)}.{stops}"
        )


class Rollback:
    """Of one model; ValueError where the environment has none of this name."""

    def __init__(self, account: Account, model: str) -> None:
        self._account = account.of_model(find_model(account, model))
        self._endpoint = self._account.outputs["EndpointName"]
        self._group = self._account.outputs["ModelPackageGroup"]

    def find_way(self, to: str = "") -> Way:
        """To the version before, or to one that has served: its number or ARN.

        While a release is under way the version before is the one that still serves.
        """
        row = self._row()
        released, served = wanted_in(row, "release"), served_in(row)
        if released is None:
            raise ValueError(
                f"no version of {self._endpoint} has served yet: there is none to go to"
            )
        stopped = self._under_way(row)
        target = self._named(to, served) if to else stopped and released.package
        target = target or before_last(served)
        if not target:
            raise ValueError(
                f"version {number(released.package)} is the only one that has served: approve "
                "another one in its place"
            )
        if target == released.package and not stopped:
            raise ValueError(f"version {number(target)} serves already")
        if not describe_version(self._account, target):
            raise ValueError(f"version {number(target)} is no longer in the registry: name another")
        return Way(target, released.package, stopped)

    def go(self, way: Way, by: str, because: str) -> str:
        """Approve the target again, and stop what is under way; when that was, for `wait`."""
        description = rollback_description(by, because)
        before = self._row()["release"]["approved_at"]
        self._account.client("sagemaker").update_model_package(
            ModelPackageArn=way.target,
            ModelApprovalStatus="Approved",
            ApprovalDescription=description,
        )
        if way.stopped:
            self._stop()
        return str(before)

    def wait(self, way: Way, after: str, seconds: float, pause: Callable[[float], None]) -> None:
        """Until the target serves. LoopFailed where its release fails, or takes longer."""
        for _ in range(round(seconds / POLL_SECONDS) + 1):
            row = self._row()
            released, failed = wanted_in(row, "release"), wanted_in(row, "failed_release")
            if released and released.package == way.target and released.approved_at > after:
                return
            if failed and failed.package == way.target and failed.approved_at > after:
                raise LoopFailed(f"it could not be brought back: {row['failed_because']}")
            pause(POLL_SECONDS)
        raise LoopFailed(
            f"version {number(way.target)} doesn't serve after {seconds / 60:.0f} min; it goes on: "
            "see the executions of deploy_model_version"
        )

    def _under_way(self, row: Row) -> str:
        """The version that is being released, or is about to be."""
        released, failed = wanted_in(row, "release"), wanted_in(row, "failed_release")
        sagemaker = self._account.client("sagemaker")
        approved = approvals.look(sagemaker, self._group, row.get("approved", {}))
        package = approvals.last_approved(approved, released)
        if package is None or (released and package == released.package):
            return ""
        has_failed = failed is not None and (failed.package, failed.approved_at) == (
            package,
            approved[package]["approved_at"],
        )
        return "" if has_failed else package

    def _stop(self) -> None:
        """Have SageMaker take back what it has begun: an alarm of the release hears of it."""
        sagemaker = self._account.client("sagemaker")
        endpoint = find_endpoint(sagemaker, self._endpoint)
        if not is_changing(endpoint, find_component(sagemaker, self._endpoint)):
            return
        dimensions = [{"Name": STOP_DIMENSION, "Value": self._endpoint}]
        datum = {"MetricName": STOP_METRIC, "Dimensions": dimensions, "Value": 1, "Unit": "Count"}
        self._account.client("cloudwatch").put_metric_data(
            Namespace=METRIC_NAMESPACE, MetricData=[datum]
        )

    def _named(self, to: str, served: list[str]) -> str:
        found = [arn for arn in served if to in (arn, number(arn))]
        if not found:
            have = ", ".join(number(arn) for arn in dict.fromkeys(served))
            raise ValueError(
                f"version {to[:60]!a} is none of those that have served ({have}): one that has not "
                "is approved in the registry"
            )
        return found[-1]

    def _row(self) -> dict[str, Any]:
        return read_release(self._account, self._endpoint)


def number(arn: str) -> str:
    return arn.rpartition("/")[2]
