"""How an endpoint is asked: by its name, and by its inference component's where it hosts one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class EndpointAddress:
    """The members of a request that name one of the kit's endpoints, whose component has its name.

    A deployment may make another kind of it while callers go on. What SageMaker then refuses tells
    which it is: nobody else has to.
    """

    def __init__(self, endpoint_name: str) -> None:
        self._name, self._hosts_component = endpoint_name, False

    def members(self) -> dict[str, str]:
        component = {"InferenceComponentName": self._name} if self._hosts_component else {}
        return {"EndpointName": self._name, **component}

    def ask(self, call: Callable[[dict[str, str]], Answer], refused: type[Any]) -> Answer:
        """What `call` gives for the members; called once more where it is refused the other way.

        `refused` is botocore's ClientError.
        """
        try:
            return call(self.members())
        except refused as error:
            if not self.learn(error.response["Error"]):
                raise
        return call(self.members())

    def learn(self, error: Mapping[str, str]) -> bool:
        """Whether a refusal (botocore's `response["Error"]`) says to ask again, the other way."""
        if error.get("Code") != "ValidationError":
            return False
        for hosts_component, words in _WORDS.items():
            if words in error.get("Message", ""):
                self._hosts_component = hosts_component
                return True
        return False


_WORDS = {
    True: "Inference Component Name header is required",
    False: "Inference Component Name header is not allowed",
}
