"""The folder a demo writes to: what an earlier one left goes, whatever else is there stays."""

from __future__ import annotations

import shutil
from pathlib import Path

ASSEMBLY, LOG = "cdk.out", "localcloud.log"
REPORT_JSON, REPORT_PAGE = "report.json", "report.html"


def evidence_page(number: int) -> str:
    """What the approver of the demo's version `number` reads."""
    return f"evidence-{number}.html"


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
    pages = [path.name for path in folder.glob(evidence_page(0).replace("0", "*"))]
    for name in (LOG, REPORT_JSON, REPORT_PAGE, *pages):
        (folder / name).unlink(missing_ok=True)
