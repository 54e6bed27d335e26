"""AWS::CloudFormation: nested stacks and custom resources."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider
from localcloud.resources.custom import custom_resource


def stack(context: Context, properties: Properties) -> Created:
    # The template is found by its asset, which the URL names.
    properties.without("NotificationARNs", "TimeoutInMinutes")
    return context.deployer.nested_stack(context, properties)


PROVIDERS: Mapping[str, Provider] = {
    "AWS::CloudFormation::Stack": stack,
    "AWS::CloudFormation::CustomResource": custom_resource,
}
