"""A cloud with Lambda, and short ways to make roles and functions in it."""

from __future__ import annotations

import io
import json
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.functions.service import LambdaService

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Account:
    """What a test does to a cloud, as its administrator."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.service = cloud.service(LambdaService)
        self.api = cloud.client("lambda")
        self._count = 0

    def unique(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}-{self._count}"

    def role(self, *actions: str) -> str:
        """A role for functions that may do the actions, on everything."""
        iam, name = self.cloud.client("iam"), self.unique("role")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))[
            "Role"
        ]["Arn"]
        if actions:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            iam.put_role_policy(
                RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document)
            )
        return arn

    def function(self, source: str | dict[str, str], **settings: Any) -> str:
        """A function of one index.py, or of the files given by name; its name."""
        files = {"index.py": source} if isinstance(source, str) else source
        name = self.unique("function")
        request = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Timeout": 10,
            "Code": {"ZipFile": zipped(files)},
            **settings,
        }
        request.setdefault("Role", self.role("logs:*"))
        self.api.create_function(**request)
        return name

    def archive(self, files: dict[str, str]) -> bytes:
        """A zip of the files, given by name."""
        return zipped(files)

    def invoke(self, name: str, event: Any = None, **options: Any) -> Any:
        """The function's answer; where it failed, `(FunctionError, its payload)`."""
        answer = self.api.invoke(FunctionName=name, Payload=_encoded(event), **options)
        payload = json.loads(answer["Payload"].read())
        return (answer["FunctionError"], payload) if "FunctionError" in answer else payload


def _encoded(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            archive.writestr(info, textwrap.dedent(text))
    return buffer.getvalue()


@pytest.fixture
def account_of() -> type[Account]:
    """For tests that start and stop a cloud of their own."""
    return Account


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Cloud(services=[LambdaService]) as cloud:
        yield Account(cloud)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Ask again and again until the answer is true."""

    def ask(question: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.02)
        return answer

    return ask
