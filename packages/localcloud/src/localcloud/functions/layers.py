"""Layers: what an ARN in a function's Layers stands for on one machine."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from localcloud.calls import ServiceError

_ARN = re.compile(
    r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):layer:(?P<name>[\w-]+):(?P<version>\d+)"
)
_WEB_ADAPTER = re.compile(r"LambdaAdapterLayer(X86|Arm64)")
_POWERTOOLS = re.compile(r"AWSLambdaPowertoolsPythonV3-.+")
# Extensions that watch a function: what they would send has no receiver here.
_RECORDED = re.compile(
    r"LambdaInsightsExtension.*|AWS-Parameters-and-Secrets-Lambda-Extension.*|aws-otel-.*"
    r"|AWSOpenTelemetryDistro.*"
)


@dataclass(frozen=True)
class Layer:
    """A layer a function uses: its folder (what is /opt in Lambda), or what it is known to be."""

    arn: str
    folder: Path | None = None
    web_adapter: bool = False
    extension: bool = False

    def folders(self, *names: str) -> list[Path]:
        """Those of the named folders that the layer has."""
        if self.folder is None:
            return []
        return [found for name in names if (found := self.folder / name).is_dir()]


def layer_name(arn: str) -> tuple[str, str, str, int]:
    """Region, account, name and version of a layer version's ARN."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ServiceError("InvalidParameterValueException", f"Not a layer version ARN: {arn}")
    return match["region"], match["account"], match["name"], int(match["version"])


def published_layer(arn: str) -> Layer:
    """A layer that someone else has published: known by its name, or refused by name."""
    *_, name, _ = layer_name(arn)
    if _WEB_ADAPTER.fullmatch(name):
        return Layer(arn, web_adapter=True)
    if _POWERTOOLS.fullmatch(name):
        if importlib.util.find_spec("aws_lambda_powertools") is None:
            raise _refused(arn, "install aws-lambda-powertools beside localcloud")
        return Layer(arn)
    if _RECORDED.fullmatch(name):
        return Layer(arn, extension=True)
    raise _refused(
        arn,
        "layers of other accounts can't be fetched here: make it an AWS::Lambda::LayerVersion "
        "of the app, or bundle what it holds with the function",
    )


def _refused(arn: str, advice: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", f"Layer {arn} is unknown: {advice}")
