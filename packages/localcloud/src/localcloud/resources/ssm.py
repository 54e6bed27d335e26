"""AWS::SSM."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider


def parameter(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name(128)
    settings = properties.without("Name", "Tags")
    tags = [{"Key": key, "Value": value} for key, value in properties.get("Tags", {}).items()]
    context.call("ssm", "PutParameter", **settings, Name=name, Tags=tags or None)
    return Created(name, {"Type": properties["Type"], "Value": properties["Value"]})


PROVIDERS: Mapping[str, Provider] = {"AWS::SSM::Parameter": parameter}
