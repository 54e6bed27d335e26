"""Every AWS call of a function fits AWS's model, and its role grants just these calls."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore import xform_name

from meguru.comparison import Candidate, Comparison
from meguru.conditional_update import ConditionalUpdate
from meguru.names import JOB_LOG_GROUPS, NUM_RANDOM_DIGITS, TEXT_DATASET
from meguru.records import Feedback
from tests.stacks.deployment import Deployment
from tests.stacks.function_calls import Values, function_calls, services_used
from tests.stacks.signed_clients import clients_of

LAMBDAS = Path(__file__).parents[2] / "lambdas"
FOLDERS = sorted({path.parent.name for path in LAMBDAS.glob("*/*.py")})
SIGNED = "lambdas.answer_request.signed.clients"

# What the Lambda service does with a function's role: its logs, its event sources, and what it
# sets aside; the lake's key, which S3 uses for the caller; and a stream of an endpoint, which is
# permitted as InvokeEndpoint and has an action of its own as well.
ON_BEHALF = re.compile(
    r"logs:\w+|kms:\w+|ec2:\w+|dynamodb:(DescribeStream|GetRecords|GetShardIterator|"
    r"ListStreams)|sqs:(SendMessage|ReceiveMessage|DeleteMessage|GetQueueAttributes|GetQueueUrl|"
    r"ChangeMessageVisibility)|s3:(AbortMultipartUpload|ListBucket)|"
    r"sagemaker:InvokeEndpointWithResponseStream"
)
# Powertools' idempotency calls DynamoDB by itself.
# Granted where the environment may be destroyed with what it made.
OF_DESTROYABLE = {
    "unmake_model": {
        "logs:DeleteLogStream",
        "logs:DescribeLogStreams",
        "sagemaker:DeleteModelPackage",
        "sagemaker:ListModelPackages",
    }
}
# Granted where the environment file asks for it.
OF_SETTINGS = {"answer_request": {"bedrock:ApplyGuardrail"}}
BY_LIBRARY = {
    "record_feedback": {f"dynamodb:{n}Item" for n in ("Get", "Put", "Update", "Delete")},
    # Application Auto Scaling looks at an endpoint as whoever registers it.
    "follow_hours": {
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeInferenceComponent",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
    },
}
# Deployed where an endpoint has hours.
OF_HOURS = {"follow_hours"}


def test_every_function_is_deployed(deployment: Deployment) -> None:
    left_out = set() if deployment.has_hours else OF_HOURS
    assert set(deployment.functions) == set(FOLDERS) - left_out


@pytest.fixture(autouse=True)
def deployed(request: pytest.FixtureRequest) -> None:
    """A function that an environment doesn't have is looked at in another."""
    if {"folder", "deployment"} <= set(request.fixturenames):
        folder = request.getfixturevalue("folder")
        functions = request.getfixturevalue("deployment").functions
        if folder in OF_HOURS - set(functions):
            pytest.skip("no endpoint has hours in this environment")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_call_fits_aws_s_model(folder: str) -> None:
    calls = function_calls(LAMBDAS / folder)
    assert [said for call in calls for said in call.complaints()] == []
    assert {call.service for call in calls} == services_used(LAMBDAS / folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_value_is_within_aws_s_limits(
    folder: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what the template tells the function, and the longest of what it is handed."""
    for name, value in deployment.functions[folder].told.items():
        monkeypatch.setenv(name, value)
    examples = Values(LAMBDAS / folder, example_values(deployment))
    calls = function_calls(LAMBDAS / folder)
    assert [said for call in calls for said in call.value_complaints(examples)] == []


def test_a_value_that_is_too_long_is_found(tmp_path: Path) -> None:
    text = 'boto3.client("stepfunctions").start_execution(stateMachineArn="a", name="n" * 81)'
    (tmp_path / "handler.py").write_text(text)
    [call] = function_calls(tmp_path)
    examples = Values(LAMBDAS / "start_curation", {})
    assert list(call.value_complaints(examples)) == [
        f"{tmp_path.name}/handler.py:1: StartExecution: name: 81, more than 80 (it is {'n' * 81!r})"
    ]


def example_values(deployment: Deployment) -> dict[str, Any]:
    """What functions are handed: the most there may be of it."""
    variables = deployment.functions["record_feedback"].variables
    package = deployment.place.arn("sagemaker", f"model-package/{deployment.model}/99999999")
    texts: Any = dict.fromkeys(
        ("inference_id", "consumer", "created_at", "question", "answer", "model_package_arn"), "a"
    )
    feedback = Feedback(rating=1, **texts)
    candidate = Candidate(model="m" * 63, inference_id="a")
    comparison = Comparison(
        comparison_id=f"cmpr-{uuid4().hex}",
        consumer="c" * 63,
        created_at="2026-11-27",
        topic="t" * 40,
        is_topic_given=True,
        candidates=(candidate, candidate),
    )
    variables_of_unmaking = deployment.functions["unmake_model"].variables
    execution = deployment.place.arn("states", f"execution:{'x' * 80}:{uuid4()}")
    ledger = deployment.functions["answer_request"].variables["LEDGER_TABLE"]
    queue = deployment.functions["answer_request"].variables["INFERENCE_QUEUE"]
    name = f"{deployment.model}-{'0a' * 6}"
    return {
        "self": SimpleNamespace(
            _bucket=variables["LAKE_BUCKET"],
            _table_name=ledger,
            _serialize=TypeSerializer().serialize,
            _queue_url=queue,
            _guardrail="a" * 32,
            _version="1" * 8,
            _name=deployment.model,
            _release_table=variables_of_unmaking["RELEASE_TABLE"],
            now=datetime.now(UTC),
            _state_machine_arn=deployment.place.arn("states", f"stateMachine:{'m' * 80}"),
        ),
        "fingerprints": {"a" * 255: "0" * 16},
        # Of a metric of the new version's answers.
        "namespace": "Meguru",
        "dimensions": {"environment": "e" * 20, "model": "m" * 63, "version": "new"},
        "since": datetime.now(UTC),
        "until": None,
        "table_name": ledger,
        "comparison": comparison,
        "comparison_id": comparison.comparison_id,
        "expires": datetime.now(UTC),
        "updates": [ConditionalUpdate(ledger, {"name": {"S": "a"}})] * 5,
        "pattern": '"event=started"',
        "opened": SimpleNamespace(made_at=1_800_000_000, expires_at=1_800_001_200),
        "item": {"M": {"inference_id": {"S": "chatcmpl-1"}}},
        "items": {name: {"inference_id": {"S": "chatcmpl-1"}}},
        "messages": ["あ" * 34_000] * 10,
        "body": "あ" * 80_000,
        "one": "あ" * 80_000,
        "records": [{"Data": b"a" * 400_000}] * 500,
        "side": "output",
        "month": "2026-11",
        "arrivals": ["message"] * 1000,
        "pending": ["fb-1"] * 1000,
        "feedback": feedback,
        "now": datetime.now(UTC),
        "release": {"released_model_package_arn": package},
        "arn": package,
        "group": deployment.model,
        "name": name,
        "config_name": f"{deployment.model}-{'0a' * 6}",
        "execution": deployment.place.arn("states", f"execution:{'m' * 80}:{'x' * 80}"),
        "run": deployment.place.arn("states", f"execution:{'m' * 80}:{'0a' * 16}"),
        "text": "{}",
        "newest": SimpleNamespace(version="3f" * 32, rows="3f" * 32, reason="schedule"),
        "bucket": variables["LAKE_BUCKET"],
        # Of the longest run's name.
        "key": f"runs/{'x' * 80}/evaluation/evaluation.json",
        "endpoint_name": deployment.model,
        "asked": [{"role": "user", "content": "あ" * 20_000}],
        "dataset": TEXT_DATASET,
        "head": {"version": "3f" * 32},
        "event": {"Records": []},
        "wanted": 1000,
        "workflow": variables_of_unmaking["WORKFLOWS"].strip('[]"').partition('"')[0],
        "status": "InProgress",
        "made": f"{deployment.model}-{'0' * NUM_RANDOM_DIGITS}",
        "alarm": {"AlarmName": f"TargetTracking-endpoint/{deployment.model}/{'x' * 100}"},
        "prefix": f"TargetTracking-inference-component/{deployment.model}-Alarm",
        "target": {
            "ResourceId": f"endpoint/{deployment.model}/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        },
        "package": {"ModelPackageArn": package},
        "running": {"executionArn": execution},
        "shared_log": JOB_LOG_GROUPS[0],
        "stream": {"logStreamName": f"{deployment.model}-{'0' * 12}/algo-1-1234567890"},
        "stack_id": deployment.place.arn("cloudformation", f"stack/{'x' * 128}/{uuid4()}"),
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_role_grants_the_calls_and_no_others(folder: str, deployment: Deployment) -> None:
    needed = {call.action for call in function_calls(LAMBDAS / folder)}
    if not deployment.is_destroyable:
        needed -= OF_DESTROYABLE.get(folder, set())
    granted = deployment.functions[folder].role.actions()
    assert needed - granted <= OF_SETTINGS.get(folder, set())
    spare = granted - needed - BY_LIBRARY.get(folder, set())
    assert {action for action in spare if not ON_BEHALF.fullmatch(action)} == set()


def test_what_the_file_asks_for_is_granted(deployments: dict[str, Deployment]) -> None:
    for folder, actions in OF_SETTINGS.items():
        granted = {name: one.functions[folder].role.actions() for name, one in deployments.items()}
        assert actions <= granted["longest"]
        assert actions.isdisjoint(granted["poc"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_setting_is_read_and_every_setting_read_is_set(
    folder: str, deployment: Deployment
) -> None:
    source = "\n".join(path.read_text() for path in (LAMBDAS / folder).glob("*.py"))
    read = set(re.findall(r"(?:environ(?:ment)?|variables\(__file__\))\[\"(\w+)\"\]", source))
    given = {n for n in deployment.functions[folder].told if not n.startswith("AWS_")}
    assert read == given


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('boto3.client("s3").get_object(Bucket="b", Kee="k")', "no parameter Kee"),
        ('boto3.client("s3").get_object(Bucket="b")', "needs Key"),
        ('boto3.resource("dynamodb").Table("t").get_item(Kay={})', "no parameter Kay"),
        ('client = Sqs()\nclient.send_message(QueueUrl="q", Body="b")', "no parameter Body"),
        ('DynamoDb().put_item(TableName="t")', "needs Item"),
        ('Table(DynamoDb(), "t").get_item(Kay={})', "no parameter Kay"),
    ],
)
def test_a_planted_mistake_is_found(tmp_path: Path, source: str, said: str) -> None:
    imports = f"import boto3\nfrom {SIGNED} import DynamoDb, Sqs, Table\n"
    (tmp_path / "handler.py").write_text(f"{imports}{source}\n")
    found = [text for call in function_calls(tmp_path) for text in call.complaints()]
    assert any(said in text for text in found), found


def test_a_method_that_is_no_operation_is_found(tmp_path: Path) -> None:
    text = 'def s3():\n    return boto3.client("s3")\ns3().get_objct(Bucket="b", Key="k")\n'
    (tmp_path / "handler.py").write_text(text)
    with pytest.raises(ValueError, match="s3 has no operation get_objct"):
        function_calls(tmp_path)


def test_calls_by_a_function_s_own_clients_are_found(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(
        f"from {SIGNED} import DynamoDb, SageMakerRuntime as Runtime, Sqs, Table\n"
        'Store(Table(DynamoDb(), "t"), Runtime(PATIENT), Sqs())\n'
    )
    (tmp_path / "store.py").write_text(
        'self._table.get_item(Key={"a": "b"})\n'
        "self._database.update_item(**request)\n"
        "self._runtime.invoke_endpoint(**request)\n"
        'self._queue.send_message(QueueUrl="q", MessageBody="b")\n'
    )
    calls = function_calls(tmp_path)
    assert {call.action for call in calls} == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "sagemaker:InvokeEndpoint",
        "sqs:SendMessage",
    }
    assert [call.of_table for call in calls if call.is_whole] == [True, False]
    assert services_used(tmp_path) == {"dynamodb", "sagemaker-runtime", "sqs"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("DynamoDb().get_itm()", "dynamodb has no operation get_itm"),
        ("def db():\n    return DynamoDb()\ndb().get_itm()", "dynamodb has no operation get_itm"),
        ('client = DynamoDb()\nclient.delete_item(TableName="t")', "dynamodb has delete_item"),
    ],
)
def test_what_a_function_s_own_clients_lack_is_found(
    tmp_path: Path, source: str, said: str
) -> None:
    (tmp_path / "handler.py").write_text(f"from {SIGNED} import DynamoDb\n{source}\n")
    with pytest.raises(ValueError, match=said):
        function_calls(tmp_path)


def test_a_function_s_own_clients_have_aws_s_operations() -> None:
    clients = clients_of(SIGNED)
    services = {name: client.service for name, client in clients.items()}
    assert services == {
        "DynamoDb": "dynamodb",
        "Table": "dynamodb",
        "Sqs": "sqs",
        "SageMakerRuntime": "sagemaker-runtime",
    }
    for client in clients.values():
        model = botocore.session.get_session().get_service_model(client.service)
        assert client.methods
        assert client.methods <= {xform_name(name) for name in model.operation_names}
