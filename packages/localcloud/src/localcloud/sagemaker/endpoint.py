"""An endpoint: its status, its fleets, and which of them a request goes to."""

from __future__ import annotations

import random
import threading
from typing import Any

from localcloud.account import Account
from localcloud.sagemaker.endpoint_configs import hosts_components
from localcloud.sagemaker.fleet import Fleet
from localcloud.sagemaker.notices import emit

Fleets = dict[str, Fleet]
IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")
_EVENT_STATUS = {"InService": "IN_SERVICE", "RollingBack": "ROLLING_BACK"}


class Endpoint:
    """`lock` is held wherever the status is read and changed in one step.

    `fleets` serve; while a deployment runs, `new_fleets` serve `new_share` of the requests.
    """

    def __init__(self, account: Account, name: str, arn: str, config: dict[str, Any]) -> None:
        self._account, self.name, self.arn, self.config = account, name, arn, config
        self.created = self.modified = account.clock.now()
        self.lock = threading.RLock()
        self.status = "Creating"
        self.failure_reason = ""
        self.deployment_config: dict[str, Any] = {}
        self.fleets: Fleets = {}
        self.new_fleets: Fleets = {}
        self.new_share = 0.0
        self.tags: list[dict[str, str]] = []

    @property
    def is_serving(self) -> bool:
        is_there = bool(self.fleets) or (self.hosts_components and self.status == "InService")
        return is_there and self.status != "Deleting"

    @property
    def hosts_components(self) -> bool:
        """Whether inference components answer, each by its name, and no variant's model."""
        return hosts_components(self.config)

    def enter(self, status: str, failure_reason: str = "") -> None:
        with self.lock:
            self.status, self.failure_reason = status, failure_reason
            self.modified = self._account.clock.now()
        emit(self._account, "SageMaker Endpoint State Change", self._event(), self.arn)

    def choose(self, target_variant: str | None) -> Fleet | None:
        """The fleet for the next request; None when there is no such variant."""
        with self.lock:
            is_new = bool(self.new_fleets) and random.random() < self.new_share
            fleets = self.new_fleets if is_new else self.fleets
            if target_variant is not None:
                # A new configuration may bring a variant, or leave one out.
                everywhere = {**self.fleets, **self.new_fleets, **fleets}
                return everywhere.get(target_variant)
            choices = list(fleets.values())
        weights = [fleet.weight for fleet in choices]
        return random.choices(choices, weights if any(weights) else None)[0] if choices else None

    def describe(self) -> dict[str, Any]:
        with self.lock:
            described: dict[str, Any] = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config["EndpointConfigName"],
                "EndpointStatus": self.status,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }
            if self.fleets:
                described["ProductionVariants"] = [
                    self._variant(fleet) for fleet in self.fleets.values()
                ]
            if self.failure_reason:
                described["FailureReason"] = self.failure_reason
            if self.deployment_config:
                described["LastDeploymentConfig"] = self.deployment_config
            capture = self.config.get("DataCaptureConfig")
            if capture:
                described["DataCaptureConfig"] = {
                    "EnableCapture": capture.get("EnableCapture", False),
                    "CaptureStatus": "Stopped",
                    "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                    "DestinationS3Uri": capture["DestinationS3Uri"],
                    "KmsKeyId": capture.get("KmsKeyId", ""),
                }
            return described

    def _variant(self, fleet: Fleet) -> dict[str, Any]:
        image = {
            "SpecifiedImage": fleet.image_uri,
            "ResolvedImage": fleet.image_uri,
            "ResolutionTime": self.created,
        }
        summary: dict[str, Any] = {
            "VariantName": fleet.name,
            "DeployedImages": [image],
            "CurrentWeight": fleet.weight,
            "DesiredWeight": fleet.weight,
        }
        if "ServerlessConfig" in fleet.variant:
            serverless = fleet.variant["ServerlessConfig"]
            return {**summary, "CurrentServerlessConfig": serverless}
        return {
            **summary,
            "CurrentInstanceCount": fleet.current_count,
            "DesiredInstanceCount": fleet.desired_count,
        }

    def _event(self) -> dict[str, Any]:
        status = _EVENT_STATUS.get(self.status, self.status.upper())
        tags = {tag["Key"]: tag["Value"] for tag in self.tags}
        return {**self.describe(), "EndpointStatus": status, "Tags": tags}
