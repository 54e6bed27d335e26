"""Which engine serves: vLLM on GPUs alone, each with the image that it starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import InvalidEnvironment, Model, read_environment

IMAGE = "763104351884.dkr.ecr.us-west-2.amazonaws.com/vllm"
ON_GPU = "endpoint: {instance_type: ml.g6.2xlarge}"


def read(folder: Path, *lines: str) -> Model:
    path = folder / "e.yaml"
    path.write_text(
        "\n".join(["name: acme", "models:", "  chat:", *(f"    {one}" for one in lines)])
    )
    return read_environment(path).models["chat"]


def test_ours_serves_unless_another_is_asked_for(tmp_path: Path) -> None:
    assert read(tmp_path, "kind: text").engine == "meguru"
    assert read(tmp_path, "engine: vllm", ON_GPU).engine == "vllm"


@pytest.mark.parametrize("name", [f"{IMAGE}:v1.3", f"{IMAGE}@sha256:{'0' * 64}", "host:5000/a/b:1"])
def test_an_image_has_a_tag_or_a_digest(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, "engine: vllm", f"engine_image: {name}", ON_GPU).engine_image == name


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["engine: vllm"], ":4: models.chat.engine: vLLM needs a GPU, and the endpoint's ml.m5.xl"),
        (["engine: tgi", ON_GPU], ":4: models.chat.engine: "),
        (["engine: vllm", f"engine_image: {IMAGE}", ON_GPU], ":5: models.chat.engine_image: an i"),
        (["engine: vllm", "engine_image: 3", ON_GPU], ":5: models.chat.engine_image: an image"),
        ([f"engine_image: {IMAGE}:v1"], ":4: models.chat.engine_image: is the image of `engine"),
    ],
)
def test_what_can_t_serve_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    with pytest.raises(InvalidEnvironment) as error:
        read(tmp_path, *lines)
    assert str(error.value).partition("e.yaml")[2].startswith(said)
