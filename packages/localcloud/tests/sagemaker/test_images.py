"""Images laid out as folders, and the paths of their commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench


def _image(bench: Bench, name: str, dockerfile: str, program: str = "pass") -> Any:
    return bench.service.images.find(bench.image(name, program, dockerfile))


def test_paths_of_the_image_and_of_opt_ml_are_where_they_lie_here(
    bench: Bench, tmp_path: Path
) -> None:
    image = _image(
        bench,
        "paths",
        "FROM a\nENV PYTHONPATH=/app/lib:/usr/lib:/app\nCOPY main.py /app/\n"
        'ENTRYPOINT ["/usr/bin/python3", "/app/main.py", "--out=/opt/ml/model", "/opt/mlx"]',
    )
    words = image.command(image.recipe.entrypoint, ["/etc/hosts"], tmp_path)
    assert words[0] == sys.executable
    assert words[1] == str(image.tree / "app/main.py")
    assert words[2:] == [f"--out={tmp_path}/model", "/opt/mlx", "/etc/hosts"]
    environment = image.environment(tmp_path)
    assert environment["PYTHONPATH"] == f"/app/lib:/usr/lib:{image.tree}/app"


def test_a_container_cannot_change_the_asset(bench: Bench) -> None:
    image = _image(bench, "copied", 'FROM a\nCOPY main.py /app/main.py\nCMD ["true"]', "old = 1")
    (image.tree / "app/main.py").write_text("new = 2")
    assert "old = 1" in [path.read_text() for path in bench.folder.glob("assets/copied-*/main.py")]


def test_the_asset_is_laid_out_once(bench: Bench) -> None:
    dockerfile = 'FROM a\nCOPY . .\nCMD ["true"]'
    assert _image(bench, "once", dockerfile) is _image(bench, "once", dockerfile)


@pytest.mark.parametrize("copy", ["COPY ../secret /x", "COPY nothing /x", "COPY *.none /x"])
def test_what_is_not_in_the_folder_is_refused(bench: Bench, copy: str) -> None:
    with pytest.raises(ValueError, match="COPY"):
        _image(bench, "refused", f"FROM a\n{copy}\n")
