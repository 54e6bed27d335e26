"""What the environment file says of the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.api import MAX_ORIGINS

START = "name: poc\nmodels: {m: {training: {instance_type: ml.m5.large}}}\n"


def read(folder: Path, api: str) -> list[str]:
    path = folder / "planted.yaml"
    path.write_text(f"{START}api: {api}\n")
    return read_environment(path).api.cors


@pytest.mark.parametrize(
    "origin",
    ["https://chat.example.co.jp", "https://chat.example.co.jp:8443", "http://localhost:5173"],
)
def test_pages_from_an_origin(tmp_path: Path, origin: str) -> None:
    assert read(tmp_path, f"{{cors: ['{origin}']}}") == [origin]
    assert read(tmp_path, "{}") == []


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "http://chat.example.co.jp",
        "https://chat.example.co.jp/",
        "HTTPS://chat.example.co.jp",
        "https://*.example.co.jp",
    ],
)
def test_what_is_no_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InvalidEnvironment, match=r"3: api\.cors.*such as https://chat"):
        read(tmp_path, f'{{cors: ["{origin}"]}}')


def test_there_is_an_end_to_them(tmp_path: Path) -> None:
    origins = [f"https://{number}.example" for number in range(MAX_ORIGINS + 1)]
    assert read(tmp_path, f"{{cors: {origins[:-1]}}}") == origins[:-1]
    with pytest.raises(InvalidEnvironment, match=r"api\.cors"):
        read(tmp_path, f"{{cors: {origins}}}")
