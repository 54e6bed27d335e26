"""An endpoint is asked as the kind it is, which a refusal tells."""

from __future__ import annotations

import pytest

from meguru.endpoint_address import EndpointAddress

PLAIN = {"EndpointName": "text"}
COMPONENT = {**PLAIN, "InferenceComponentName": "text"}
REQUIRED = (
    "Inference Component Name header is required for endpoints to which you plan to deploy "
    "inference components. Please include Inference Component Name header."
)
REFUSED = (
    "Inference Component Name header is not allowed for endpoints to which you dont plan to "
    "deploy inference components."
)


def said(message: str, code: str = "ValidationError") -> dict[str, str]:
    return {"Code": code, "Message": message}


def test_it_becomes_what_sagemaker_says_it_is() -> None:
    address = EndpointAddress("text")
    assert address.members() == PLAIN
    assert address.learn(said(REQUIRED))
    assert address.members() == COMPONENT
    # Of two requests at once both are refused: the second one learns nothing else.
    assert address.learn(said(REQUIRED))
    assert address.members() == COMPONENT
    assert address.learn(said(REFUSED))
    assert address.members() == PLAIN


@pytest.mark.parametrize(
    "error",
    [
        said("Endpoint text of account 1 not found."),
        said("Inference Component has no capacity to process this request."),
        said(REQUIRED, "ModelError"),
        {},
    ],
)
def test_any_other_refusal_tells_nothing(error: dict[str, str]) -> None:
    address = EndpointAddress("text")
    assert not address.learn(error)
    assert address.members() == PLAIN
