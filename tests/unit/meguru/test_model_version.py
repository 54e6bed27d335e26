"""The model version behind an answer: whole for the account, a fingerprint for everybody else."""

from __future__ import annotations

import pytest

from meguru.model_version import Answering, system_fingerprint

ARN = "arn:aws:sagemaker:ap-northeast-1:123456789012:model-package/meguru-text/3"


def test_a_version_comes_back_from_the_attributes() -> None:
    for answering in (Answering(ARN), Answering(ARN, "0123456789abcdef")):
        assert Answering.read(answering.attributes()) == answering
    assert Answering(ARN).attributes() == f"model-version={ARN}"


@pytest.mark.parametrize("attributes", ["", "trace=1", "model-version"])
def test_other_attributes_name_no_version(attributes: str) -> None:
    assert Answering.read(attributes) == Answering()


@pytest.mark.parametrize("version", ["版", "a b", "a\nb", "a;prompt-version=b", "x" * 1024])
def test_what_no_header_holds_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="model version"):
        Answering(version).attributes()


def test_a_fingerprint_tells_changes_and_no_account() -> None:
    said = system_fingerprint(ARN, "engine 1")
    assert said.startswith("fp_") and len(said) == 13
    assert "123456789012" not in said
    others = {system_fingerprint(ARN + "0", "engine 1"), system_fingerprint(ARN, "engine 2")}
    assert len({said, *others}) == 3
    assert said == system_fingerprint(ARN, "engine 1")
