"""Which version an answer is from: in full for the account, as a fingerprint for callers."""

from __future__ import annotations

from dataclasses import dataclass

from meguru.fingerprint import fingerprint

# SageMaker hands this header of a container's response on to the caller of the endpoint, whole or
# streamed, as `CustomAttributes`: at most 1,024 visible ASCII characters.
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
_MODEL, _PROMPT = "model-version=", "prompt-version="
_MAX_CHARACTERS = 1024


@dataclass(frozen=True)
class Answering:
    """What answered: a model version (a model package's ARN) and its prompt's; empty: none known.

    The model version leads to the prompt, too: this spares whoever reads a log the registry.
    """

    model_version: str = ""
    prompt_version: str = ""

    def attributes(self) -> str:
        """The header's value; ValueError for a version that no header can hold."""
        parts = [_MODEL + self.model_version]
        if self.prompt_version:
            parts.append(_PROMPT + self.prompt_version)
        value = ";".join(parts)
        is_held = len(value) <= _MAX_CHARACTERS and all("!" <= one <= "~" for one in value)
        if not is_held or ";" in self.model_version:
            raise ValueError(
                f"the model version {self.model_version!r} isn't short, visible ASCII text"
            )
        return value

    @classmethod
    def read(cls, attributes: str) -> Answering:
        """What a response's `CustomAttributes` say; nothing where its engine says nothing."""
        if not attributes.startswith(_MODEL):
            return cls()
        version, _, prompt = attributes.removeprefix(_MODEL).partition(f";{_PROMPT}")
        return cls(version, prompt)


def system_fingerprint(version: str, engine: str) -> str:
    """OpenAI's name for what answers: it changes with version and engine, and tells neither."""
    return f"fp_{fingerprint([version, engine])[:10]}"
