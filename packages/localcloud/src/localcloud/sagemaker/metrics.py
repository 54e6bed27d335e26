"""A training job's metrics, read out of its logs by regular expression."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.account import Account
from localcloud.sagemaker.naming import validation_error

NAMESPACE = "/aws/sagemaker/TrainingJobs"


class MetricReader:
    """Hands each value of a job's MetricDefinitions to CloudWatch, and keeps the last of each."""

    def __init__(
        self, account: Account, job_name: str, definitions: Sequence[Mapping[str, str]]
    ) -> None:
        self._account, self._job_name = account, job_name
        self._patterns = {each["Name"]: re.compile(each["Regex"]) for each in definitions}
        self._latest: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def read(self, line: str) -> None:
        for name, pattern in self._patterns.items():
            for match in pattern.finditer(line):
                self._keep(name, match)

    def final_values(self) -> list[dict[str, Any]]:
        """FinalMetricDataList, in the order of the definitions."""
        with self._lock:
            return [self._latest[name] for name in self._patterns if name in self._latest]

    def _keep(self, name: str, match: re.Match[str]) -> None:
        try:
            value = float(match.group(1) if match.re.groups else match.group())
        except (TypeError, ValueError):
            return  # As in AWS, what is no number is no value of the metric.
        if not math.isfinite(value):
            return  # CloudWatch takes no NaN.
        now = self._account.clock.now()
        with self._lock:
            self._latest[name] = {"MetricName": name, "Value": value, "Timestamp": now}
        dimensions = {"TrainingJobName": self._job_name}
        self._account.metrics.record(NAMESPACE, name, dimensions, value, "None")


def check_definitions(definitions: Sequence[Mapping[str, str]]) -> None:
    for each in definitions:
        try:
            re.compile(each["Regex"])
        except re.error as error:
            raise validation_error(
                f"Metric {each['Name']}: the regular expression {each['Regex']} is broken: {error}"
            ) from error
