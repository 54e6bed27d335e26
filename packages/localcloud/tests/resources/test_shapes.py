from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape

from localcloud.resources.shapes import fit


def shape(service: str, operation: str) -> Shape:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def test_names_types_and_tags_are_fitted() -> None:
    given = {
        "FunctionName": "f",
        "Timeout": "30",
        "Publish": "true",
        "Code": {"ZipFile": "text"},
        "Tags": [{"Key": "a", "Value": "b"}],
        "KmsKeyArn": "arn:key",
    }
    fitted, unknown = fit(shape("lambda", "CreateFunction"), given)
    assert fitted == {
        "FunctionName": "f",
        "Timeout": 30,
        "Publish": True,
        "Code": {"ZipFile": b"text"},
        "Tags": {"a": "b"},
        "KMSKeyArn": "arn:key",
    }
    assert unknown == []


def test_lower_case_apis_and_documents() -> None:
    fitted, _ = fit(shape("iam", "CreateRole"), {"AssumeRolePolicyDocument": {"Version": "1"}})
    assert json.loads(fitted["AssumeRolePolicyDocument"]) == {"Version": "1"}
    fitted, _ = fit(
        shape("stepfunctions", "CreateStateMachine"), {"Tags": [{"Key": "k", "Value": "v"}]}
    )
    assert fitted == {"tags": [{"key": "k", "value": "v"}]}


def test_what_the_api_does_not_have_is_named_by_path() -> None:
    given = {"Code": {"ZipFile": "x", "Secret": 1}, "RuntimeManagementConfig": {"a": 1}}
    fitted, unknown = fit(shape("lambda", "CreateFunction"), given)
    assert fitted == {"Code": {"ZipFile": b"x"}}
    assert unknown == ["Code.Secret", "RuntimeManagementConfig"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Timeout": "soon"}, "Timeout must be a integer"),
        ({"Publish": "perhaps"}, "Publish must be a boolean"),
        ({"Tags": ["a"]}, "Tags must be an object"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(shape("lambda", "CreateFunction"), given)
