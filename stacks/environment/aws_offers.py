"""The regions and instance types of SageMaker, as botocore knows them without asking AWS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import botocore.session


def is_region(name: str) -> bool:
    """Whether SageMaker is in a region of this name, in any of AWS's partitions."""
    return name in _regions()


def is_instance_type(shape: str) -> Callable[[str], bool]:
    """A test for the names in an enumeration of SageMaker's API, such as TrainingInstanceType."""
    return lambda name: name in _instance_types(shape)


@cache
def _regions() -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition)
    )


@cache
def _instance_types(shape: str) -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(session.get_service_model("sagemaker").shape_for(shape).enum)
