"""The account the loop runs in: its clients, and what its stacks say of themselves."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import boto3
import requests
from botocore.config import Config

from meguru.names import environment_of_stack, is_stack_of, stack_name

LOCAL_CREDENTIALS = {"access_key_id": "local", "secret_access_key": "local"}
LOCAL_REGION = "us-east-1"


class Outputs(dict[str, str]):
    """Outputs of stacks by their names; ValueError for one that these stacks don't have."""

    def __missing__(self, name: str) -> str:
        raise ValueError(
            f"the stacks here have no output {name}: deploy the environment anew with this version "
            "of Meguru, and with a model"
        )


class Account:
    """An AWS account as the caller's credentials reach it, or a local cloud by its address.

    `model_key` says whose outputs are meant where each model has its own; without, those of the
    first by name that answers with text. `api_key` is a consumer's, for who asks the API.
    """

    def __init__(
        self,
        environment_name: str,
        endpoint_url: str | None = None,
        model_key: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self.environment_name, self.endpoint_url = environment_name, endpoint_url
        self._model_key, self._api_key = model_key, api_key

    def of_model(self, model_key: str) -> Account:
        """The same account, with the outputs of another model."""
        return Account(self.environment_name, self.endpoint_url, model_key, self._api_key)

    def with_key(self, api_key: str) -> Account:
        """The same account, of a consumer of its API."""
        return Account(self.environment_name, self.endpoint_url, self._model_key, api_key)

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint_url)

    @property
    def place(self) -> str:
        """Where it is, in words: the local cloud with its address, or the account and its region.

        botocore's errors where AWS can't be asked whose credentials these are.
        """
        if self.endpoint_url is not None:
            return f"the local cloud at {self.endpoint_url}"
        sts = self.client("sts")
        return f"account {sts.get_caller_identity()['Account']} in {sts.meta.region_name}"

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the environment's stacks, by their names.

        Raises ValueError where the environment is not deployed.
        """
        stacks = self._deployed_stacks()
        models = sorted(
            (name for name in stacks if "-Model-" in name),
            key=lambda name: (stacks[name].get("ModelKind") == "embedding", name),
        )
        if self._model_key:
            models = [stack_name(self.environment_name, "Model", self._model_key)]
        found = {
            key: value
            for name, outputs in stacks.items()
            if name in models[:1] or "-Model-" not in name
            for key, value in outputs.items()
        }
        return Outputs(found)

    def stacks(self) -> dict[str, dict[str, str]]:
        """The outputs of each stack of the environment, by the stack's name."""
        return {
            stack["StackName"]: {
                output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
            }
            for stack in self._all_stacks()
            if is_stack_of(stack["StackName"], self.environment_name)
        }

    def models(self) -> dict[str, Outputs]:
        """The outputs of each model's stack, by the model's key.

        Raises ValueError where the environment is not deployed.
        """
        return {
            name.rpartition("-Model-")[2]: Outputs(outputs)
            for name, outputs in self._deployed_stacks().items()
            # One that is not made yet has none.
            if "-Model-" in name and outputs
        }

    def environments(self) -> list[str]:
        """The names of all environments that have a stack here."""
        found = (environment_of_stack(stack["StackName"]) for stack in self._all_stacks())
        return sorted({name for name in found if name is not None})

    def _deployed_stacks(self) -> dict[str, dict[str, str]]:
        stacks = self.stacks()
        if not stacks:
            raise ValueError(
                f"no stacks of the environment '{self.environment_name}' are here: run "
                "`meguru up` for a local cloud, or `cdk deploy` for an account"
            )
        return stacks

    def _all_stacks(self) -> list[dict[str, Any]]:
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return [stack for page in pages for stack in page["Stacks"]]

    @property
    def api_key(self) -> str:
        """The consumer's key. ValueError where none was given: nobody can ask AWS for it."""
        if not self._api_key:
            raise ValueError(
                "an API key is needed: set MEGURU_API_KEY to one that `meguru consumer add NAME` "
                "has shown"
            )
        return self._api_key

    def aws_command(self, words: str) -> str:
        """A local cloud's command for the AWS CLI, to paste into a shell in the repository."""
        return (
            f"AWS_ACCESS_KEY_ID={LOCAL_CREDENTIALS['access_key_id']} "
            f"AWS_SECRET_ACCESS_KEY={LOCAL_CREDENTIALS['secret_access_key']} "
            f".venv/bin/aws --region {LOCAL_REGION} --endpoint-url {self.endpoint_url} {words}"
        )

    def advance_clock(self, seconds: float) -> None:
        """Advance a local cloud's time. ValueError for a real account."""
        if self.endpoint_url is None:
            raise ValueError("only a local cloud's time can be advanced")
        answer = requests.post(
            f"{self.endpoint_url}/_localcloud/clock", json={"advance_seconds": seconds}, timeout=60
        )
        answer.raise_for_status()


@cache
def _client(service: str, endpoint_url: str | None) -> Any:
    if endpoint_url is None:
        return boto3.client(service)
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=LOCAL_REGION,
        aws_access_key_id=LOCAL_CREDENTIALS["access_key_id"],
        aws_secret_access_key=LOCAL_CREDENTIALS["secret_access_key"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
    )
