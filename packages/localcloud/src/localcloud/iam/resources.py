"""Which resource an operation is about, by the members of its request.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Callable

from localcloud.iam.demand import EVERYTHING, Parameters, Place

# The first member that a request has names the resource: as an ARN, or by this form.
_FORMS: dict[str, dict[str, str]] = {
    "cloudformation": {"StackName": "stack/{}/*", "ChangeSetName": "stack/{}/*"},
    "cloudwatch": {"AlarmName": "alarm:{}", "DashboardName": "dashboard/{}", "ResourceARN": "{}"},
    "firehose": {"DeliveryStreamName": "deliverystream/{}", "DeliveryStreamARN": "{}"},
    "sagemaker": {
        "TrainingJobName": "training-job/{}",
        "ProcessingJobName": "processing-job/{}",
        "TransformJobName": "transform-job/{}",
        "HyperParameterTuningJobName": "hyper-parameter-tuning-job/{}",
        "InferenceComponentName": "inference-component/{}",
        "EndpointName": "endpoint/{}",
        "EndpointConfigName": "endpoint-config/{}",
        "ModelPackageArn": "{}",
        "ModelPackageName": "model-package/{}",
        "ModelPackageGroupName": "model-package-group/{}",
        "ModelName": "model/{}",
        "ModelCardName": "model-card/{}",
        "PipelineName": "pipeline/{}",
        "ExperimentName": "experiment/{}",
        "TrialName": "experiment-trial/{}",
        "ResourceArn": "{}",
    },
    "ssm": {"Name": "parameter/{}", "Path": "parameter/{}", "ResourceId": "parameter/{}"},
    "stepfunctions": {
        "stateMachineArn": "{}",
        "executionArn": "{}",
        "activityArn": "{}",
        "mapRunArn": "{}",
        "resourceArn": "{}",
        "stateMachineAliasArn": "{}",
        "stateMachineVersionArn": "{}",
        "name": "stateMachine:{}",
    },
    "sts": {"RoleArn": "{}"},
}
_ARN_SERVICE = {"stepfunctions": "states"}
_KEY_ID_BYTES = 36


def resource(service: str, operation: str, parameters: Parameters, place: Place) -> str:
    """The ARN that `operation` is checked against; `*` where it is about no single resource."""
    special = _SPECIAL.get(service)
    if special is not None:
        return special(operation, parameters, place)
    for member, form in _FORMS.get(service, {}).items():
        value = parameters.get(member)
        if isinstance(value, str) and value:
            return _arn(_ARN_SERVICE.get(service, service), form, value, place)
    return EVERYTHING


def _arn(service: str, form: str, value: str, place: Place) -> str:
    if value.startswith("arn:"):
        return value
    if form == "endpoint/{}":
        value = value.lower()  # The one name whose ARN SageMaker writes in lower case.
    return place.arn(service, form.format(value.lstrip("/")))


def _sns(operation: str, parameters: Parameters, place: Place) -> str:
    subscription = parameters.get("SubscriptionArn")
    if isinstance(subscription, str) and subscription.startswith("arn:"):
        return subscription.rpartition(":")[0]
    for member in ("TopicArn", "TargetArn", "ResourceArn"):
        if parameters.get(member):
            return str(parameters[member])
    name = parameters.get("Name")
    return place.arn("sns", name) if name and operation == "CreateTopic" else EVERYTHING


def _sagemaker(operation: str, parameters: Parameters, place: Place) -> str:
    if operation == "CreateModelPackage" and parameters.get("ModelPackageGroupName"):
        group = str(parameters["ModelPackageGroupName"]).rpartition("/")[2]
        return place.arn("sagemaker", f"model-package/{group}/*")
    if operation.startswith("List") and operation != "ListTags":
        return EVERYTHING
    names = _FORMS["sagemaker"]
    # `CreateEndpoint` names its endpoint's config too: what the operation is named for comes first.
    noun = next((n for n in sorted(names, key=len, reverse=True) if _is_about(operation, n)), None)
    for member in (noun, *names):
        value = parameters.get(member) if member else None
        if member and isinstance(value, str) and value:
            return _arn("sagemaker", names[member], value, place)
    return EVERYTHING


def _is_about(operation: str, member: str) -> bool:
    return operation.removesuffix("WeightsAndCapacities").endswith(
        member.removesuffix("Name").removesuffix("Arn")
    )


def _sqs(operation: str, parameters: Parameters, place: Place) -> str:
    if url := parameters.get("QueueUrl"):
        return place.arn("sqs", str(url).rstrip("/").rpartition("/")[2])
    if name := parameters.get("QueueName"):
        return place.arn("sqs", str(name))
    return str(parameters.get("SourceArn") or EVERYTHING)


def _secretsmanager(operation: str, parameters: Parameters, place: Place) -> str:
    if secret_id := parameters.get("SecretId"):
        found = place.inventory.secret_arn(str(secret_id))
        return found or _arn("secretsmanager", "secret:{}-??????", str(secret_id), place)
    name = parameters.get("Name")
    return place.arn("secretsmanager", f"secret:{name}-??????") if name else EVERYTHING


def _kms(operation: str, parameters: Parameters, place: Place) -> str:
    key_id = parameters.get("KeyId") or parameters.get("TargetKeyId")
    if not key_id and (ciphertext := parameters.get("CiphertextBlob")):
        # moto begins a ciphertext with the id of its key, as KMS names the key in its own.
        key_id = bytes(ciphertext)[:_KEY_ID_BYTES].decode(errors="replace")
    if key_id:
        found = place.inventory.key_arn(str(key_id))
        return found or _arn("kms", "key/{}", str(key_id), place)
    alias = parameters.get("AliasName")
    return place.arn("kms", str(alias)) if alias else EVERYTHING


def _logs(operation: str, parameters: Parameters, place: Place) -> str:
    if arn := parameters.get("resourceArn"):
        return str(arn)
    named = parameters.get("logGroupName") or parameters.get("logGroupIdentifier")
    if not named:
        names = parameters.get("logGroupNames") or ["*"]
        return place.arn("logs", f"log-group:{names[0]}:log-stream:")
    if str(named).startswith("arn:"):
        return str(named).removesuffix(":*") + ":log-stream:"
    stream = parameters.get("logStreamName", "")
    return place.arn("logs", f"log-group:{named}:log-stream:{stream}")


def _lambda(operation: str, parameters: Parameters, place: Place) -> str:
    if operation in ("CreateEventSourceMapping", "ListEventSourceMappings"):
        return EVERYTHING
    if named := parameters.get("FunctionName") or parameters.get("Resource"):
        return _function(str(named), parameters.get("Qualifier"), place)
    if uuid := parameters.get("UUID"):
        return place.arn("lambda", f"event-source-mapping:{uuid}")
    if layer := parameters.get("LayerName"):
        version = parameters.get("VersionNumber")
        arn = _arn("lambda", "layer:{}", str(layer), place)
        return f"{arn}:{version}" if version else arn
    return str(parameters.get("Arn") or EVERYTHING)


def _function(name: str, qualifier: str | None, place: Place) -> str:
    """A function by NAME, NAME:QUALIFIER, ACCOUNT:function:NAME or ARN."""
    if not name.startswith("arn:"):
        name = place.arn("lambda", "function:" + name.rpartition("function:")[2])
    return f"{name}:{qualifier}" if qualifier and name.count(":") == 6 else name


def _events(operation: str, parameters: Parameters, place: Place) -> str:
    if arn := parameters.get("ResourceARN"):
        return str(arn)
    if operation.endswith(("EventBus", "Permission")):
        return event_bus(parameters.get("EventBusName") or parameters.get("Name"), place)
    rule = parameters.get("Rule") or parameters.get("Name")
    if not rule:
        return EVERYTHING
    bus = str(parameters.get("EventBusName") or "default").rpartition("/")[2]
    return place.arn("events", f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}")


def event_bus(name: str | None, place: Place) -> str:
    """The ARN of a bus by its name or ARN; the default bus without one."""
    return _arn("events", "event-bus/{}", name or "default", place)


def _scheduler(operation: str, parameters: Parameters, place: Place) -> str:
    if arn := parameters.get("ResourceArn"):
        return str(arn)
    name = parameters.get("Name")
    if operation.endswith("ScheduleGroup"):
        return place.arn("scheduler", f"schedule-group/{name}")
    if not name:
        return EVERYTHING
    return place.arn("scheduler", f"schedule/{parameters.get('GroupName') or 'default'}/{name}")


def _iam(operation: str, parameters: Parameters, place: Place) -> str:
    if arn := parameters.get("PolicyArn"):
        is_about_role = parameters.get("RoleName")
        if not is_about_role:
            return str(arn)
    forms = {
        "RoleName": "role",
        "UserName": "user",
        "GroupName": "group",
        "InstanceProfileName": "instance-profile",
        "PolicyName": "policy",
    }
    for member, kind in forms.items():
        if name := parameters.get(member):
            path = str(parameters.get("Path") or "/")
            found = place.inventory.role_arn(str(name)) if kind == "role" else None
            return found or f"arn:aws:iam::{place.account}:{kind}{path}{name}"
    return EVERYTHING


def _dynamodb_streams(operation: str, parameters: Parameters, place: Place) -> str:
    if iterator := parameters.get("ShardIterator"):
        return str(iterator).partition("|")[0]
    return str(parameters.get("StreamArn") or EVERYTHING)


def _autoscaling(operation: str, parameters: Parameters, place: Place) -> str:
    return str(
        parameters.get("ResourceARN") or place.arn("application-autoscaling", "scalable-target/*")
    )


_SPECIAL: dict[str, Callable[[str, Parameters, Place], str]] = {
    "application-autoscaling": _autoscaling,
    "dynamodbstreams": _dynamodb_streams,
    "events": _events,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "scheduler": _scheduler,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
}
