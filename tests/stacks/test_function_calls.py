"""Every AWS call of a function fits AWS's model, and its role grants just these calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stacks.deployment import Deployment
from tests.stacks.function_calls import function_calls, services_used

LAMBDAS = Path(__file__).parents[2] / "lambdas"
FOLDERS = sorted({path.parent.name for path in LAMBDAS.glob("*/*.py")})

# What the Lambda service does with a function's role: its logs, its event sources, and what it
# sets aside; the lake's key, which S3 uses for the caller; and a stream of an endpoint, which is
# permitted as InvokeEndpoint and has an action of its own as well.
ON_BEHALF = re.compile(
    r"logs:\w+|kms:(Decrypt|GenerateDataKey)|dynamodb:(DescribeStream|GetRecords|GetShardIterator|"
    r"ListStreams)|sqs:(SendMessage|ReceiveMessage|DeleteMessage|GetQueueAttributes|GetQueueUrl|"
    r"ChangeMessageVisibility)|s3:(AbortMultipartUpload|ListBucket)|"
    r"sagemaker:InvokeEndpointWithResponseStream"
)
# Powertools' idempotency calls DynamoDB by itself.
BY_LIBRARY = {"record_feedback": {f"dynamodb:{n}Item" for n in ("Get", "Put", "Update", "Delete")}}


def test_every_function_is_deployed(deployment: Deployment) -> None:
    assert sorted(deployment.functions) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_call_fits_aws_s_model(folder: str) -> None:
    calls = function_calls(LAMBDAS / folder)
    assert [said for call in calls for said in call.complaints()] == []
    assert {call.service for call in calls} == services_used(LAMBDAS / folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_role_grants_the_calls_and_no_others(folder: str, deployment: Deployment) -> None:
    needed = {call.action for call in function_calls(LAMBDAS / folder)}
    granted = deployment.functions[folder].role.actions()
    assert needed - granted == set()
    spare = granted - needed - BY_LIBRARY.get(folder, set())
    assert {action for action in spare if not ON_BEHALF.fullmatch(action)} == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_setting_is_read_and_every_setting_read_is_set(
    folder: str, deployment: Deployment
) -> None:
    source = "\n".join(path.read_text() for path in (LAMBDAS / folder).glob("*.py"))
    read = set(re.findall(r"environ(?:ment)?\[\"(\w+)\"\]", source))
    given = {n for n in deployment.functions[folder].variables if not n.startswith("AWS_")}
    assert read == given


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('boto3.client("s3").get_object(Bucket="b", Kee="k")', "no parameter Kee"),
        ('boto3.client("s3").get_object(Bucket="b")', "needs Key"),
        ('boto3.resource("dynamodb").Table("t").get_item(Kay={})', "no parameter Kay"),
    ],
)
def test_a_planted_mistake_is_found(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "handler.py").write_text(f"import boto3\n{source}\n")
    found = [text for call in function_calls(tmp_path) for text in call.complaints()]
    assert any(said in text for text in found), found


def test_a_method_that_is_no_operation_is_found(tmp_path: Path) -> None:
    text = 'def s3():\n    return boto3.client("s3")\ns3().get_objct(Bucket="b", Key="k")\n'
    (tmp_path / "handler.py").write_text(text)
    with pytest.raises(ValueError, match="s3 has no operation get_objct"):
        function_calls(tmp_path)
