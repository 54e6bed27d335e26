"""A function: its versions, aliases, permissions and settings, as Lambda's API states them."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from localcloud.calls import ServiceError
from localcloud.functions.code import Code
from localcloud.functions.layers import Layer

LATEST = "$LATEST"
_REFERENCE = re.compile(
    r"(?:arn:[^:]+:lambda:[^:]+:)?(?:(?:\d{12}:)?function:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,140})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True)
class Version:
    """A function's code and configuration at one moment; $LATEST's is replaced when updated.

    `configuration` has the members of the API's FunctionConfiguration.
    """

    name: str
    configuration: dict[str, Any]
    code: Code
    layers: tuple[Layer, ...] = ()
    identity: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def function_name(self) -> str:
        return str(self.configuration["FunctionName"])

    @property
    def role_arn(self) -> str:
        return str(self.configuration["Role"])

    @property
    def runtime(self) -> str:
        return str(self.configuration["Runtime"])

    @property
    def handler(self) -> str:
        return str(self.configuration["Handler"])

    @property
    def timeout_seconds(self) -> int:
        return int(self.configuration["Timeout"])

    @property
    def memory_megabytes(self) -> int:
        return int(self.configuration["MemorySize"])

    @property
    def variables(self) -> dict[str, str]:
        """The function's own environment variables."""
        return dict(self.configuration.get("Environment", {}).get("Variables", {}))

    @property
    def log_group(self) -> str:
        return str(self.configuration["LoggingConfig"]["LogGroup"])

    def changed(self, **members: Any) -> Version:
        """The same version with other parts, known under a new identity."""
        parts: dict[str, Any] = {
            "name": self.name,
            "configuration": copy.deepcopy(self.configuration),
            "code": self.code,
            "layers": self.layers,
        }
        return Version(**parts | members)

    def published(self, number: int) -> Version:
        configuration = copy.deepcopy(self.configuration)
        configuration["Version"] = str(number)
        configuration["FunctionArn"] = f"{unqualified(configuration['FunctionArn'])}:{number}"
        return self.changed(name=str(number), configuration=configuration)


@dataclass
class Function:
    """Everything that goes by one function name."""

    name: str
    arn: str
    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Qualifier ("" for the function itself) -> its policy's statements, by statement ID.
    permissions: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    invoke_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    url_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def version(self, qualifier: str | None) -> Version:
        """The version behind a version number, an alias or $LATEST: ResourceNotFoundException."""
        if qualifier in (None, "", LATEST):
            return self.latest
        assert qualifier is not None
        number = self.aliases.get(qualifier, {}).get("FunctionVersion", qualifier)
        if number == LATEST:
            return self.latest
        if number not in self.versions:
            raise not_found(f"{self.arn}:{qualifier}")
        return self.versions[number]

    def publish(self) -> Version:
        """A new version, unless $LATEST is what the last one was (as in Lambda)."""
        number = max(map(int, self.versions), default=0)
        last = self.versions.get(str(number))
        published = self.latest.published(number + 1)
        if last is not None and _content(last) == _content(published):
            return last
        self.versions[published.name] = published
        return published

    def qualified_arn(self, qualifier: str | None) -> str:
        return f"{self.arn}:{qualifier}" if qualifier else self.arn


def reference(text: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """Name and qualifier of a name, partial or whole ARN, with or without a qualifier."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ServiceError("InvalidParameterValueException", f"Not a function name or ARN: {text}")
    return match["name"], qualifier or match["qualifier"]


def unqualified(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def not_found(arn: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")


def revision(*parts: Any) -> str:
    """A RevisionId that changes exactly when the parts do."""
    content = json.dumps(parts, sort_keys=True, default=str).encode()
    return str(uuid.UUID(bytes=hashlib.sha256(content).digest()[:16]))


def _content(version: Version) -> dict[str, Any]:
    passing = {"Version", "FunctionArn", "RevisionId", "LastModified"}
    return {key: value for key, value in version.configuration.items() if key not in passing}
