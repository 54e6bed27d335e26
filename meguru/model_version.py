"""Which model version an answer is from: in full for the account, as a fingerprint for callers."""

from __future__ import annotations

from meguru.fingerprint import fingerprint

# SageMaker hands this header of a container's response on to the caller of the endpoint, whole or
# streamed, as `CustomAttributes`: at most 1,024 visible ASCII characters.
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
_ATTRIBUTE = "model-version="
_MAX_CHARACTERS = 1024


def version_attribute(version: str) -> str:
    """The header's value for a version; ValueError for one that no header can hold."""
    value = _ATTRIBUTE + version
    if len(value) > _MAX_CHARACTERS or not all("!" <= one <= "~" for one in value):
        raise ValueError(f"the model version {version!r} isn't short, visible ASCII text")
    return value


def read_version(attributes: str) -> str:
    """The version in a response's `CustomAttributes`; empty where its engine names none."""
    return attributes.removeprefix(_ATTRIBUTE) if attributes.startswith(_ATTRIBUTE) else ""


def system_fingerprint(version: str, engine: str) -> str:
    """OpenAI's name for what answers: it changes with version and engine, and tells neither."""
    return f"fp_{fingerprint([version, engine])[:10]}"
