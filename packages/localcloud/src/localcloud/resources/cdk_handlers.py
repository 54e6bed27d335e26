"""CDK's own custom resource handlers that are Node functions, carried out in Python.

Lambda's Node runtime brings the AWS SDK for JavaScript, and CloudFormation's addresses are https;
neither is so here. Each handler acts as the role of the function that it stands for, whose grants
decide as in AWS. Behaviour: aws-cdk-lib 2, `custom-resource-handlers`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.resources.cdk_aws_call import aws_call
from localcloud.resources.cdk_bucket_deployment import bucket_deployment
from localcloud.resources.cdk_role import client_as_handler, function_configuration
from localcloud.resources.context import Context

Event = Mapping[str, Any]
Handler = Callable[[Context, Event], Mapping[str, Any]]


def native_handler(context: Context, service_token: str) -> Handler | None:
    """The Python handler in place of the function behind a token; None where it runs itself.

    CDK gives the functions of its handlers fixed logical IDs; those of its provider framework are
    told by their entry point.
    """
    logical_id = context.deployer.logical_id_of_arn(service_token)
    if logical_id is None:
        return None
    for prefix, handler in _BY_LOGICAL_ID.items():
        if logical_id.startswith(prefix):
            return handler
    is_framework = function_configuration(context, service_token).get("Handler")
    return provider_framework if is_framework == "framework.onEvent" else None


def nothing_to_create(context: Context, event: Event) -> Mapping[str, Any]:
    """Handlers that act only on deletion, or on what isn't simulated."""
    return {"PhysicalResourceId": event["RequestId"]}


def log_retention(context: Context, event: Event) -> Mapping[str, Any]:
    """Creates a log group, or takes the one there is, and sets its retention."""
    properties = event["ResourceProperties"]
    name = properties["LogGroupName"]
    logs = client_as_handler(context, event, "logs")
    # The function whose log group it is may have logged already.
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
    if days := properties.get("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return {"PhysicalResourceId": name, "Data": {"LogGroupName": name}}


def export_writer(context: Context, event: Event) -> Mapping[str, Any]:
    """Writes values for stacks of other regions as SSM parameters (here: the one region)."""
    # Its role may write in the other region, which this one stands for: no grant names this one.
    ssm = context.client("ssm")
    for name, value in event["ResourceProperties"]["WriterProps"]["exports"].items():
        ssm.put_parameter(Name=name, Value=value, Type="String")
    return {"PhysicalResourceId": event["RequestId"]}


def export_reader(context: Context, event: Event) -> Mapping[str, Any]:
    """Hands on what stacks of other regions wrote; the deployment has resolved it already."""
    imports = event["ResourceProperties"]["ReaderProps"]["imports"]
    return {"PhysicalResourceId": event["RequestId"], "Data": dict(imports)}


def trigger(context: Context, event: Event) -> Mapping[str, Any]:
    """Invokes a function once, and fails where it fails."""
    properties = event["ResourceProperties"]
    kind = properties.get("InvocationType", "RequestResponse")
    reply = client_as_handler(context, event, "lambda").invoke(
        FunctionName=properties["HandlerArn"], InvocationType=kind
    )
    if "FunctionError" in reply:
        raise ValueError(f"the triggered function failed: {reply['Payload'].read().decode()}")
    return {"PhysicalResourceId": event["RequestId"]}


def dynamodb_replica(context: Context, event: Event) -> Mapping[str, Any]:
    region = event["ResourceProperties"]["Region"]
    raise ValueError(f"a replica in {region}: localcloud is one region; give the table none")


def provider_framework(context: Context, event: Event) -> Mapping[str, Any]:
    """CDK's provider framework: calls `onEvent`, then `isComplete` until it is."""
    configuration = function_configuration(context, event["ServiceToken"])
    variables = configuration["Environment"]["Variables"]
    answer = _invoke(context, event, variables["USER_ON_EVENT_FUNCTION_ARN"], event)
    physical_id = answer.get("PhysicalResourceId", event["RequestId"])
    state = {**event, **answer, "PhysicalResourceId": physical_id}
    if is_complete := variables.get("USER_IS_COMPLETE_FUNCTION_ARN"):
        completed = _wait_complete(
            context, state, is_complete, variables["WAITER_STATE_MACHINE_ARN"]
        )
        state |= {**completed, "Data": {**state.get("Data", {}), **completed.get("Data", {})}}
    return {"PhysicalResourceId": physical_id, "Data": state.get("Data", {})}


def _wait_complete(
    context: Context, state: Event, function_arn: str, waiter_arn: str
) -> Mapping[str, Any]:
    interval_seconds, num_polls = _polling(context, waiter_arn)
    for _ in range(num_polls):
        answer = _invoke(context, state, function_arn, state)
        if answer.get("IsComplete"):
            return answer
        context.account.clock.sleep(interval_seconds)
    waited = f"{num_polls * interval_seconds:.0f} seconds"
    raise ValueError(f"{function_arn} has not found it complete in {waited}")


def _polling(context: Context, waiter_arn: str) -> tuple[float, int]:
    """The app's query interval (seconds) and how often it asks, which its state machine holds."""
    described = context.client("stepfunctions").describe_state_machine(stateMachineArn=waiter_arn)
    definition = json.loads(described["definition"])
    (retry,) = definition["States"][definition["StartAt"]]["Retry"]
    return float(retry["IntervalSeconds"]), int(retry["MaxAttempts"])


def _invoke(
    context: Context, event: Event, function_arn: str, payload: Mapping[str, Any]
) -> dict[str, Any]:
    reply = client_as_handler(context, event, "lambda").invoke(
        FunctionName=function_arn, Payload=json.dumps(payload).encode()
    )
    body = json.loads(reply["Payload"].read() or b"null") or {}
    if "FunctionError" in reply:
        name = re.sub(r".*:function:", "", function_arn)
        raise ValueError(f"{name} failed: {body.get('errorMessage', body)}")
    return dict(body)


_BY_LOGICAL_ID: Mapping[str, Handler] = {
    "AWS679f53fac002430cb0da5b7982bd2287": aws_call,
    "AWSCDKTriggerCustomResourceProvider": trigger,
    "CustomCDKBucketDeployment": bucket_deployment,
    "CustomCrossRegionExportReader": export_reader,
    "CustomCrossRegionExportWriter": export_writer,
    "CustomECRAutoDeleteImages": nothing_to_create,
    "CustomS3AutoDeleteObjects": nothing_to_create,
    "CustomVpcRestrictDefaultSG": nothing_to_create,
    "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a": log_retention,
    "OnEventHandler": dynamodb_replica,
}
