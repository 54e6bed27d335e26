"""What a demo removes from its folder, and what it never touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo_folder import prepare_folder


def test_only_what_a_demo_wrote_goes(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    written = ["cdk.out/manifest.json", "report.html", "report.json", "localcloud.log"]
    kept = ["notes.txt", "thesis/report.html", "report.html.bak"]
    for name in (*written, *kept):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    prepare_folder(folder)
    left = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert left == set(kept)


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(ValueError, match="is a file"):
            prepare_folder(path)
