"""A Lambda function from one folder of lambdas/, with the shared vocabulary beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, Duration, ILocalBundling, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from meguru.variables import VARIABLES_FILE
from stacks.constructs.retention import LogGroup
from stacks.environment import Environment

REPOSITORY = Path(__file__).parents[2]
RUNTIME = lambda_.Runtime.PYTHON_3_11
# AWS publishes both layers under accounts of their own. Powertools' version 27 is its release
# 3.23.0, which pyproject.toml pins as well: both places run the same code.
POWERTOOLS_LAYER = "017000801446:layer:AWSLambdaPowertoolsPythonV3-python311-x86_64:27"
WEB_ADAPTER_LAYER = "753240598075:layer:LambdaAdapterLayerX86:27"
WEB_ADAPTER_VARIABLES = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_PORT": "8080",
}


class PythonFunction(lambda_.Function):
    """A function with its own role and log group: it may log, and no more until granted.

    `streaming` functions have a `run.sh` that starts a web server; the Lambda Web Adapter sends it
    the requests and streams its answers. `long_variables` are what grows with an environment file:
    they are put beside the folder's code.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        folder: str,
        variables: Mapping[str, str] | None = None,
        long_variables: Mapping[str, str] | None = None,
        timeout: Duration,
        memory_mb: int = 256,
        streaming: bool = False,
    ) -> None:
        log_group = LogGroup(scope, f"{construct_id}Logs", environment=environment)
        role = iam.Role(
            scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
        )
        log_group.grant_write(role)
        layer = WEB_ADAPTER_LAYER if streaming else POWERTOOLS_LAYER
        stack = Stack.of(scope)
        super().__init__(
            scope,
            construct_id,
            runtime=RUNTIME,
            code=function_code(folder, long_variables or {}),
            handler="run.sh" if streaming else f"lambdas.{folder}.handler.handler",
            role=role,
            log_group=log_group,
            environment={**(variables or {}), **(WEB_ADAPTER_VARIABLES if streaming else {})},
            timeout=timeout,
            memory_size=memory_mb,
            reserved_concurrent_executions=environment.reserved_concurrency.get(folder),
            layers=[
                lambda_.LayerVersion.from_layer_version_arn(
                    scope,
                    f"{construct_id}Layer",
                    f"arn:{stack.partition}:lambda:{stack.region}:{layer}",
                )
            ],
        )


def function_code(folder: str, long_variables: Mapping[str, str]) -> lambda_.Code:
    """The asset of a function: its folder with its file, and `meguru`, copied without Docker."""
    source = REPOSITORY / "lambdas" / folder
    if not source.is_dir():
        raise ValueError(f"there is no function folder {source}")
    return lambda_.Code.from_asset(
        str(source),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            # CDK asks for an image even where local bundling needs none.
            image=DockerImage.from_registry("unused"),
            local=FunctionBundling(folder, long_variables),
        ),
    )


@jsii.implements(ILocalBundling)
class FunctionBundling:
    """Copies a function's folder and `meguru` into the asset, as they are imported."""

    def __init__(self, folder: str, long_variables: Mapping[str, str]) -> None:
        self._folder, self._long_variables = folder, long_variables

    def try_bundle(self, output_dir: str, options: Any = None, **_: Any) -> bool:
        output = Path(output_dir)
        source = REPOSITORY / "lambdas" / self._folder
        ignored = shutil.ignore_patterns("__pycache__", "run.sh")
        shutil.copytree(source, output / "lambdas" / self._folder, ignore=ignored)
        if self._long_variables:
            file = output / "lambdas" / self._folder / VARIABLES_FILE
            file.write_text(json.dumps(dict(self._long_variables)))
        shutil.copytree(REPOSITORY / "meguru", output / "meguru", ignore=ignored)
        if (source / "run.sh").exists():
            shutil.copy2(source / "run.sh", output / "run.sh")
        return True
