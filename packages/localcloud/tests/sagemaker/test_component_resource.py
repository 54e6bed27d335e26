"""An inference component of a template: made, waited for, and refused where it can't serve."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.resources.sagemaker import _wait_for_component


class FakeContext:
    """A cloud whose component goes through these states, one at each look."""

    def __init__(self, *states: str) -> None:
        self._states = iter(states)

    def client(self, service: str) -> Any:
        assert service == "sagemaker"
        return self

    def describe_inference_component(self, **asked: str) -> dict[str, str]:
        assert asked == {"InferenceComponentName": "chat"}
        return {"InferenceComponentStatus": next(self._states), "FailureReason": "no ping"}


def test_it_is_waited_for() -> None:
    context: Any = FakeContext("Creating", "InService")
    _wait_for_component(context, "chat")
    with pytest.raises(StopIteration):
        context.describe_inference_component(InferenceComponentName="chat")


def test_one_that_fails_says_why() -> None:
    context: Any = FakeContext("Creating", "Failed")
    with pytest.raises(ValueError, match="chat has failed: no ping"):
        _wait_for_component(context, "chat")
