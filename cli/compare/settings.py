"""The comparison's file: which providers are asked, how, and what their tokens cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PER = 1_000_000
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Price(_Section):
    """US dollars for a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]

    def of(self, input_tokens: int, output_tokens: int) -> float:
        return (self.input * input_tokens + self.output * output_tokens) / PER


class _Model(_Section):
    """What every provider has. `parameters` go into its request, null takes a default out."""

    model: Annotated[str, Field(min_length=1)] = ""
    price: Price | None = None
    stream: bool = True
    parameters: dict[str, Any] = {}
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0


class OpenAIModel(_Model):
    """A model behind an address that speaks OpenAI's chat completions."""

    kind: Literal["openai"]
    address: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
    model: Annotated[str, Field(min_length=1)]
    api_key_env: _Variable | None = None


class BedrockModel(_Model):
    """A model, or an inference profile, of Amazon Bedrock; credentials are boto3's own."""

    kind: Literal["bedrock"]
    model: Annotated[str, Field(min_length=1)]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None
    endpoint_url: str | None = None


class MeguruModel(_Model):
    """A model of this environment, behind its own API: with its address and name."""

    kind: Literal["meguru"]
    model_key: _Name | None = None


Provider = Annotated[OpenAIModel | BedrockModel | MeguruModel, Field(discriminator="kind")]


class Judge(_Section):
    """A model that scores every provider's answers, as in the evaluation job."""

    address: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
    model: Annotated[str, Field(min_length=1)]
    api_key_env: _Variable | None = None


class Settings(_Section):
    """Providers by name; `at_once` requests go to one at a time, one provider after another."""

    providers: Annotated[dict[_Name, Provider], Field(min_length=1)]
    judge: Judge | None = None
    system: str = ""
    max_tokens: Annotated[int, Field(ge=1)] = 512
    at_once: Annotated[int, Field(ge=1, le=64)] = 1

    @model_validator(mode="before")
    @classmethod
    def no_keys(cls, values: Any) -> Any:
        """A key in a file gets into version control: its variable is named instead."""
        for name, one in _sections(values):
            if isinstance(one, dict) and {"api_key", "key", "token"} & one.keys():
                raise ValueError(
                    f"{name} holds a key: put it into an environment variable and name that one "
                    "with api_key_env"
                )
        return values


def _sections(values: Any) -> list[tuple[str, Any]]:
    known = values if isinstance(values, dict) else {}
    providers = known.get("providers")
    found = list(providers.items()) if isinstance(providers, dict) else []
    return [*found, ("judge", known.get("judge"))]


def read_settings(path: Path) -> Settings:
    """The file's settings; ValueError says what is wrong where, without any value in it."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
                for one in error.errors(include_input=False, include_context=False)]  # fmt: skip
        raise ValueError(f"{path}: " + "; ".join(said)) from None
