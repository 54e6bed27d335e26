"""What the templates say of an endpoint that scales to zero, and of one that doesn't."""

from __future__ import annotations

import pytest
from localcloud.check import evaluate

from meguru.names import component_log_name, endpoint_log_name
from stacks.constructs.hosting_kind import HostingKind
from stacks.environment import Endpoint, Environment

NAME = "meguru-poc--chat"


@pytest.mark.parametrize(
    ("endpoint", "resource", "dimension"),
    [
        ({}, f"endpoint/{NAME}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount"),
        (
            {"min_instances": 0},
            f"inference-component/{NAME}",
            "sagemaker:inference-component:DesiredCopyCount",
        ),
    ],
)
def test_what_is_scaled(endpoint: dict[str, int], resource: str, dimension: str) -> None:
    kind = HostingKind.of(NAME, Endpoint.model_validate(endpoint))
    assert (kind.scaled, kind.dimension) == (resource, dimension)
    # SageMaker's metrics of the one don't scale the other.
    assert ("InferenceComponent" in kind.load) == ("InferenceComponent" in kind.requests)
    assert ("InferenceComponent" in kind.load) == ("inference-component" in dimension)
    assert set(kind.dimensions.values()) <= {NAME, "AllTraffic"}


def test_while_a_version_replaces_another_there_is_room_for_both() -> None:
    kind = HostingKind.of(NAME, Endpoint(min_instances=0, max_instances=5))
    made_of = evaluate(f"{{% {kind.component} %}}", {})
    assert made_of["MaxInstanceCount"] == 8
    assert made_of["ComputeResourceRequirements"]["MinMemoryRequiredInMb"] == 1024
    assert evaluate(f"{{% {HostingKind.of(NAME, Endpoint()).component} %}}", {}) is None


def test_containers_of_components_have_a_log_of_their_own() -> None:
    models = {"a": {}, "b": {"endpoint": {"min_instances": 0}}}
    environment = Environment.model_validate({"name": "acme", "models": models})
    assert environment.container_logs == {
        "a": endpoint_log_name("meguru-acme--a"),
        "b": component_log_name("meguru-acme--b"),
    }
