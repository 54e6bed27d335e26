"""The folder a demo writes to: what an earlier one left goes, whatever else is there stays."""

from __future__ import annotations

import shutil
from pathlib import Path

ASSEMBLY, LOG = "cdk.out", "localcloud.log"
REPORT_JSON, REPORT_PAGE = "report.json", "report.html"


def prepare_folder(folder: Path) -> None:
    """Make the folder, without what an earlier demo left: that would read as this one's.

    Raises ValueError where the path is a file's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(
            f"{folder} is a file, or lies in one: name a folder with --folder"
        ) from error
    shutil.rmtree(folder / ASSEMBLY, ignore_errors=True)
    for name in (LOG, REPORT_JSON, REPORT_PAGE):
        (folder / name).unlink(missing_ok=True)
