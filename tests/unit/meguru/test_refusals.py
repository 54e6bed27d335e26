"""Only a refusal that says so means that something isn't there."""

from __future__ import annotations

import pytest

from meguru.refusals import says_missing


@pytest.mark.parametrize(
    ("code", "message", "is_missing"),
    [
        ("ValidationException", 'Could not find endpoint "arn:x".', True),
        ("ValidationException", "AutoRollback: could not find alarms a.", True),
        ("ValidationException", "ModelPackage arn:x/1 does not exist.", True),
        ("ValidationException", "Cannot update in-progress endpoint.", False),
        ("ValidationException", "", False),
        ("ResourceNotFound", "Requested resource not found.", True),
        ("ResourceNotFoundException", "The specified log group does not exist.", True),
        ("ObjectNotFoundException", "No scalable target found", True),
        ("ExecutionDoesNotExist", "", True),
        ("AccessDeniedException", "Could not find a policy that allows it", False),
        ("ThrottlingException", "Rate exceeded: it does not exist", False),
        ("SageMakerException", "could not find", False),
    ],
)
def test_what_says_that_a_thing_is_missing(code: str, message: str, is_missing: bool) -> None:
    assert says_missing({"Code": code, "Message": message}) is is_missing


def test_a_refusal_without_a_word_says_nothing() -> None:
    assert says_missing({}) is False
