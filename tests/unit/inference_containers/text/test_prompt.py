"""A prompt beside the model: every answer is made with it, pays for it, and names it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference_containers.text.load import load
from meguru.model_version import ATTRIBUTES_HEADER, Answering
from meguru.prompt import PROMPT_SOURCE, Example, Prompt
from tests.unit.inference_containers.text.conftest import MODEL_VERSION

PROMPT = Prompt("短く。", (Example("いつ?", "10日。"),), "Q:{question}")


def put(base_dir: Path, prompt: Prompt) -> Path:
    folder = base_dir / PROMPT_SOURCE
    folder.mkdir(parents=True)
    (folder / "prompt.json").write_bytes(prompt.to_json())
    (folder / "manifest.json").write_bytes(prompt.manifest())
    return folder


@pytest.fixture
def base_dir(model_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(model_folder, tmp_path / "model")
    return tmp_path


def test_every_answer_is_made_with_it_and_says_so(
    base_dir: Path, container: Any, start_container: Callable[..., Any], chat: Callable[..., Any]
) -> None:
    put(base_dir, PROMPT)
    versions = {"MODEL_VERSION": MODEL_VERSION, "PROMPT_VERSION": PROMPT.version}
    prompted = start_container(base_dir, **versions)
    prompted.pings()
    asked = chat("締切", max_tokens=8, temperature=0)
    answers = [one.invoke(asked).json() for one in (container, prompted)]
    texts = [one["choices"][0]["message"]["content"] for one in answers]
    assert texts[0] != texts[1]
    # The same as where a caller says all of it, on the same weights without a prompt.
    by_hand = container.invoke({**asked, "messages": PROMPT.apply(asked["messages"])}).json()
    assert by_hand["choices"][0]["message"]["content"] == texts[1]
    assert by_hand["usage"] == answers[1]["usage"]
    assert by_hand["usage"]["prompt_tokens"] > answers[0]["usage"]["prompt_tokens"]

    for body in (asked, {**asked, "stream": True}):
        attributes = prompted.invoke(body).headers[ATTRIBUTES_HEADER]
        assert Answering.read(attributes) == Answering(MODEL_VERSION, PROMPT.version)
        assert PROMPT.version not in container.invoke(body).headers[ATTRIBUTES_HEADER]


def test_what_can_not_go_before_this_model_keeps_it_from_serving(base_dir: Path) -> None:
    assert load(base_dir / "model").prompt_version == ""
    folder = put(base_dir, PROMPT)
    loaded = load(base_dir / "model")
    assert loaded.prompt_version == PROMPT.version
    with pytest.raises(ValueError, match="and 0a is asked for"):
        load(base_dir / "model", prompt_version="0a")
    for prompt, said in (
        (Prompt("長い" * 40), "of the model's 96 tokens of context"),
        (PROMPT, "was changed"),
    ):
        (folder / "prompt.json").write_bytes(prompt.to_json())
        if said != "was changed":
            (folder / "manifest.json").write_bytes(prompt.manifest())
        with pytest.raises(ValueError, match=said):
            load(base_dir / "model")
