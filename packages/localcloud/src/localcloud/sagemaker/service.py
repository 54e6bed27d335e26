"""The sagemaker service: all of its parts under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from moto.core.request import Request as HttpRequest

from localcloud.sagemaker.inference_components import InferenceComponents
from localcloud.sagemaker.processing_jobs import ProcessingJobs
from localcloud.sagemaker.runtime import SageMakerRuntimeService
from localcloud.sagemaker.training_jobs import TrainingJobs
from localcloud.service import Control, Service
from localcloud.wire.json_body import json_body


class SageMakerService(TrainingJobs, ProcessingJobs, InferenceComponents):
    """SageMaker's API; an operation without a method here is refused by name."""

    service_name: ClassVar[str] = "sagemaker"

    def faces(self) -> tuple[Service, ...]:
        return (self, SageMakerRuntimeService(self.account, self))

    def controls(self) -> Mapping[tuple[str, str], Control]:
        return {
            ("POST", "/_localcloud/spot/reclaim"): self._reclaim,
            ("POST", "/_localcloud/capacity"): self._set_capacity,
        }

    def _reclaim(self, request: HttpRequest) -> dict[str, Any]:
        name = json_body(request).get("training_job")
        if not isinstance(name, str) or not name:
            raise ValueError("training_job must be the name of a training job")
        self.reclaim(name)
        return {"training_job": name}

    def _set_capacity(self, request: HttpRequest) -> dict[str, Any]:
        body = json_body(request)
        instance_type, spot = body.get("instance_type"), body.get("spot")
        available = body.get("available")
        if not isinstance(instance_type, str) or not instance_type.startswith("ml."):
            raise ValueError("instance_type must be an instance type, such as ml.g5.xlarge")
        if not isinstance(spot, bool) or not isinstance(available, bool):
            raise ValueError("spot and available must be true or false")
        self.set_available(instance_type, spot, available)
        return {"instance_type": instance_type, "spot": spot, "available": available}
