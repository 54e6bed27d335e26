"""The public face, as a team's tests use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud import check
from localcloud.calls import ServiceError

ROLE = "arn:aws:iam::123456789012:role/writer"
STATEMENTS = [
    {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/raw/*"},
    {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::lake/raw/secret"},
]


def test_every_name_of_it_is_there() -> None:
    assert [name for name in check.__all__ if not hasattr(check, name)] == []


@pytest.mark.parametrize(
    ("action", "key", "expected"),
    [
        ("s3:PutObject", "raw/a", True),
        ("s3:PutObject", "datasets/a", False),
        ("s3:GetObject", "raw/a", False),
        ("s3:PutObject", "raw/secret", False),
    ],
)
def test_a_role_may_do_what_its_statements_allow(action: str, key: str, expected: bool) -> None:
    demand = check.Demand(action, f"arn:aws:s3:::lake/{key}")
    assert check.allows(STATEMENTS, ROLE, demand) is expected


def test_a_definitions_value_is_evaluated() -> None:
    value = {"Prefix": "{% $run & '/model' %}", "Kept": ["as it is"]}
    assert check.evaluate(value, {"run": "r"}) == {"Prefix": "r/model", "Kept": ["as it is"]}
    with pytest.raises(check.StateError):
        check.evaluate("{% $missing %}", {})


def test_a_tasks_call_is_what_boto3_takes() -> None:
    resource = check.task_resource("arn:aws:states:::sagemaker:createTrainingJob.sync")
    assert (resource.service, resource.operation) == ("sagemaker", "CreateTrainingJob")
    job = check.job_of(resource)
    assert job is not None
    assert job.stop == "StopTrainingJob"
    found = check.task_parameters({"TrainingJobName": "t"}, resource)
    assert found == {"TrainingJobName": "t"}
    with pytest.raises(ValueError, match="Nonsense"):
        check.task_parameters({"Nonsense": 1}, resource)
    once = check.task_resource("arn:aws:states:::sagemaker:createTrainingJob")
    assert check.job_of(once) is None


@pytest.mark.parametrize(
    ("values", "result"), [({"a": 1, "b": 10}, 0), ({"a": 30, "b": 3}, 10), ({"b": 3}, None)]
)
def test_an_alarms_expression(values: dict[str, float], result: float | None) -> None:
    expression = "IF(a > 20, 100 * b / a, 0)"
    if result is None:
        with pytest.raises(ServiceError, match="no metric with id a"):
            check.metric_math(expression, values)
    else:
        assert check.metric_math(expression, values) == result
    assert check.metric_math("a / 0", {"a": 1}) is None


def test_the_examples_assembly_would_come_up() -> None:
    folder = Path(__file__).parents[1] / "examples" / "guestbook"
    check.check_assembly(check.Assembly.load(folder))
