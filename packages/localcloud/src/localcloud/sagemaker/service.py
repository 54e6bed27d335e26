"""The sagemaker service: all of its parts under one name."""

from __future__ import annotations

from typing import ClassVar

from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.processing_jobs import ProcessingJobs
from localcloud.sagemaker.training_jobs import TrainingJobs


class SageMakerService(TrainingJobs, ProcessingJobs, Endpoints):
    """SageMaker's API; an operation without a method here is refused by name."""

    service_name: ClassVar[str] = "sagemaker"
