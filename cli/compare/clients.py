"""A client for each provider of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.account import Account
from cli.compare.bedrock import Bedrock
from cli.compare.openai_chat import OpenAIChat
from cli.compare.reply import Client, NoReply
from cli.compare.settings import BedrockModel, MeguruModel, OpenAIModel, Settings
from cli.complaint import complaint


def make_client(
    provider: OpenAIModel | BedrockModel | MeguruModel,
    settings: Settings,
    environment: Mapping[str, str],
    account: Callable[[], Account],
) -> Client:
    """NoReply where it can't be asked at all: its key isn't there, or its stacks."""
    if isinstance(provider, BedrockModel):
        return Bedrock(
            provider.model,
            _with({"temperature": 0, "maxTokens": settings.max_tokens}, provider.parameters),
            region=provider.region,
            endpoint_url=provider.endpoint_url,
            stream=provider.stream,
            timeout_seconds=provider.timeout_seconds,
        )
    if isinstance(provider, MeguruModel):
        address, model, key = _of_account(provider, account)
    else:
        address, model = provider.address, provider.model
        key = read_key(provider.api_key_env, environment)
    return OpenAIChat(
        address,
        model,
        key,
        _with({"temperature": 0, "max_tokens": settings.max_tokens}, provider.parameters),
        stream=provider.stream,
        timeout_seconds=provider.timeout_seconds,
    )


def read_key(variable: str | None, environment: Mapping[str, str]) -> str:
    if variable is None:
        return ""
    key = environment.get(variable, "").strip()
    if not key:
        raise NoReply(f"the environment variable {variable} is not set", is_final=True)
    if not (key.isascii() and key.isprintable()):
        raise NoReply(f"the environment variable {variable} holds no key", is_final=True)
    return key


def _of_account(provider: MeguruModel, account: Callable[[], Account]) -> tuple[str, str, str]:
    try:
        own = account().of_model(provider.model_key) if provider.model_key else account()
        if "ModelName" not in own.outputs:
            raise ValueError(
                f"there is no model '{provider.model_key}' in {own.environment_name}: model_key is "
                "its key in the environment file"
            )
        return own.outputs["ApiBase"], provider.model or own.outputs["ModelName"], own.api_key
    except (ValueError, BotoCoreError, ClientError) as error:
        raise NoReply(complaint(error), is_final=True) from error


def _with(defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **parameters}
    return {name: value for name, value in merged.items() if value is not None}
