"""The comparison's file: which providers are asked, how, and what their tokens cost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from cli.yaml_file import read_yaml
from stacks.environment.refusals import only, refusal, refusals_at
from stacks.environment.section import SECTION

PER = 1_000_000
_KEYS = ("api_key", "key", "token")
# Where a key may stand by mistake, or a password.
_HIDDEN = (*_KEYS, "api_key_env", "address", "endpoint_url")


def _text(pattern: str, said: str) -> BeforeValidator:
    return only(re.compile(pattern, re.ASCII).fullmatch, said)


_Name = Annotated[
    str,
    _text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "up to 64 letters, digits, dots, hyphens and _"),
]
_Variable = Annotated[
    str,
    _text(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable, such as OPENAI_API_KEY"),
]
_Address = Annotated[
    str,
    _text(
        r"https?://[^\s/@]+(/\S*)?",
        "an address such as https://api.openai.com/v1, without a name and a password in it",
    ),
]
_ModelName = Annotated[str, _text(r"(?s).+", "a model's name, as its provider calls it")]
_Region = Annotated[str, _text(r"[a-z]{2}(-[a-z]+)+-\d", "a region of AWS, such as ap-northeast-1")]


class _Section(BaseModel):
    model_config = SECTION


class Price(_Section):
    """US dollars for a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]

    def of(self, input_tokens: int, output_tokens: int) -> float:
        return (self.input * input_tokens + self.output * output_tokens) / PER


class _Model(_Section):
    """What every provider has. `parameters` go into its request, null takes a default out."""

    model: _ModelName = ""
    price: Price | None = None
    stream: bool = True
    parameters: dict[str, Any] = {}
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0


class OpenAIModel(_Model):
    """A model behind an address that speaks OpenAI's chat completions."""

    kind: Literal["openai"]
    address: _Address
    model: _ModelName
    api_key_env: _Variable | None = None


class BedrockModel(_Model):
    """A model, or an inference profile, of Amazon Bedrock; credentials are boto3's own."""

    kind: Literal["bedrock"]
    model: _ModelName
    region: _Region | None = None
    endpoint_url: str | None = None


class MeguruModel(_Model):
    """A model of this environment, behind its own API: with its address and name."""

    kind: Literal["meguru"]
    model_key: _Name | None = None


KINDS: dict[str, type[_Model]] = {
    "openai": OpenAIModel,
    "bedrock": BedrockModel,
    "meguru": MeguruModel,
}


def _of_its_kind(value: Any) -> Any:
    """A union's errors would have its members' names among the keys."""
    if not isinstance(value, dict):
        raise refusal("keys and values, of which `kind` is one")
    if "kind" not in value:
        missing = InitErrorDetails(type="missing", loc=("kind",), input=value)
        raise ValidationError.from_exception_data("section", [missing])
    if not isinstance(value["kind"], str) or value["kind"] not in KINDS:
        raise refusals_at([(("kind",), f"one of {', '.join(KINDS)}", value["kind"])])
    return KINDS[value["kind"]].model_validate(value)


Provider = Annotated[OpenAIModel | BedrockModel | MeguruModel, BeforeValidator(_of_its_kind)]


class Judge(_Section):
    """A model that scores every provider's answers, as in the evaluation job."""

    address: _Address
    model: _ModelName
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
        said = (
            "a key: put it into an environment variable, and name that one with api_key_env instead"
        )
        found = [
            ((*place, name), said, one[name])
            for place, one in _sections(values)
            if isinstance(one, dict)
            for name in _KEYS
            if name in one
        ]
        if found:
            raise refusals_at(found)
        return values


def _sections(values: Any) -> list[tuple[tuple[str, ...], Any]]:
    """Where a key could be, each with its place."""
    known = values if isinstance(values, dict) else {}
    providers = known.get("providers")
    found = providers.items() if isinstance(providers, dict) else ()
    return [
        *((("providers", name), one) for name, one in found),
        (("judge",), known.get("judge")),
    ]


def read_settings(path: Path) -> Settings:
    """The file's settings; ValueError says what is wrong on which line, and no key in it."""
    return read_yaml(
        path, Settings, what="a comparison's file", see="docs/comparing.md", hidden=_HIDDEN
    )
