"""An inference component: a model on an endpoint's instances, in as many copies as are wanted."""

from __future__ import annotations

from typing import Any

from localcloud.account import Account
from localcloud.sagemaker.endpoint import Endpoint
from localcloud.sagemaker.fleet import Fleet
from localcloud.sagemaker.naming import arn

NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be "
    "in-progress (if configured) or try to increase the capacity by invoking "
    "UpdateInferenceComponentRuntimeConfig API."
)


class InferenceComponent(Endpoint):
    """Served and changed as an endpoint of one variant is; it may have no copies at all."""

    def __init__(self, account: Account, request: dict[str, Any], endpoint: Endpoint) -> None:
        name = request["InferenceComponentName"]
        super().__init__(account, name, arn(account, "inference-component", name), endpoint.config)
        self.endpoint = endpoint
        self.variant_name: str = request["VariantName"]
        self.specification: dict[str, Any] = request["Specification"]

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/InferenceComponents/{self.name}"

    @property
    def fleet(self) -> Fleet | None:
        return next(iter(self.fleets.values()), None)

    def enter(self, status: str, failure_reason: str = "") -> None:
        with self.lock:
            self.status, self.failure_reason = status, failure_reason
            self.modified = self._account.clock.now()

    def describe(self) -> dict[str, Any]:
        with self.lock:
            described: dict[str, Any] = {
                "InferenceComponentName": self.name,
                "InferenceComponentArn": self.arn,
                "EndpointName": self.endpoint.name,
                "EndpointArn": self.endpoint.arn,
                "VariantName": self.variant_name,
                "Specification": self.specification,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                # Falling back is an update's end here, as SageMaker has it.
                "InferenceComponentStatus": self.status.replace("RollingBack", "Updating"),
            }
            if fleet := self.fleet:
                described["RuntimeConfig"] = {
                    "DesiredCopyCount": fleet.desired_count,
                    "CurrentCopyCount": fleet.current_count,
                }
            if self.failure_reason:
                described["FailureReason"] = self.failure_reason
            if self.deployment_config:
                described["LastDeploymentConfig"] = self.deployment_config
            return described
