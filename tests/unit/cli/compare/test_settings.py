"""The comparison's file: what is wrong in it is named, and no key stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.compare.settings import BedrockModel, Price, read_settings

GOOD = """
providers:
  ours: {kind: meguru, price: {input: 0, output: 0}}
  gpt:
    kind: openai
    address: https://api.openai.com/v1
    model: gpt-5-mini
    api_key_env: OPENAI_API_KEY
    parameters: {max_tokens: null, max_completion_tokens: 800}
  nova: {kind: bedrock, model: amazon.nova-lite-v1:0, region: ap-northeast-1}
judge: {address: http://judge.internal:8000/v1, model: grader}
system: 短く答えてください。
"""


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "providers.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_every_kind_is_read(tmp_path: Path) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(GOOD, encoding="utf-8")
    settings = read_settings(path)
    assert list(settings.providers) == ["ours", "gpt", "nova"]
    assert isinstance(settings.providers["nova"], BedrockModel)
    assert settings.providers["gpt"].parameters["max_tokens"] is None


def test_the_example_is_read() -> None:
    path = Path(__file__).parents[4] / "examples" / "providers.yaml"
    assert len(read_settings(path).providers) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: a comparison's file has keys and values, see docs/comparing.md"),
        ("{}", "1: providers: this key is missing"),
        ("system: a\nproviders: {}", "2: providers: at least 1 of them (there are 0)"),
        ("providers: [a]", "1: providers: keys and values (it is a list)"),
        ("providers: {a: b}", "providers.a: keys and values, of which `kind` is one"),
        ("providers:\n  a:\n    kind: x", "3: providers.a.kind: one of openai, bedrock, meguru"),
        ("providers: {a: {model: m}}", "1: providers.a.kind: this key is missing"),
        ("providers: {a: {kind: meguru}}\nat_once: 0", "2: at_once: at least 1 (it is 0)"),
        ("providers: {a: {kind: meguru}}\nat_once: '8'", "at_once: a whole number (it is '8')"),
        ("providers: {a: {kind: openai, address: ftp://x, model: m}}", "address"),
        ("providers: {a: {kind: openai, address: 'http://u:p@x', model: m}}", "address"),
        ("providers: {a: {kind: bedrock}}", "model"),
        ("providers: {a: {kind: bedrock, model: m, region: tokyo}}", "region"),
        ("providers: {a: {kind: meguru, price: {input: -1, output: 1}}}", "price.input"),
        ("providers: {a: {kind: meguru, price: {input: .nan, output: 1}}}", "price.input"),
        ("providers: {a: {kind: meguru, modell: m}}", "modell"),
        ("providers: {'a b': {kind: meguru}}", "a b"),
        ("providers: {a: {kind: bedrock, model: m}, a: {kind: meguru}}", "stands here twice"),
        ("providers:\n  - {", ":2: not YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"providers\.yaml") as raised:
        read(tmp_path, text)
    told = str(raised.value)
    assert said in told and told.startswith(str(tmp_path / "providers.yaml:"))
    assert "environment" not in told and "pydantic" not in told and "[type=" not in told


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "can't be read here"), (tmp_path / "x", "there is no such file")):
        with pytest.raises(ValueError, match=said):
            read_settings(path)


@pytest.mark.parametrize("value", ["api_key_env: sk-1", "address: 'http://u:sk-1@x'"])
def test_what_may_be_a_secret_is_not_shown(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match=r"providers\.a\.(api_key_env|address)") as raised:
        read(tmp_path, f"providers: {{a: {{kind: openai, model: m, {value}}}}}")
    assert "sk-1" not in str(raised.value)


@pytest.mark.parametrize("name", ["api_key", "key", "token"])
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    text = f"providers: {{a: {{kind: openai, address: http://x, model: m, {name}: sk-1}}}}"
    with pytest.raises(ValueError, match="api_key_env") as raised:
        read(tmp_path, text)
    assert "sk-1" not in str(raised.value)


def test_prices_are_of_a_million_tokens() -> None:
    assert Price(input=2, output=8).of(500_000, 250_000) == 3
