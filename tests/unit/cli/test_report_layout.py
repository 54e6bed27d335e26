"""The report as a browser lays it out: nothing is wider than the page, no column is a sliver."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.dataset import Dataset
from cli.findings import Findings, Turn
from cli.lineage import Lineage
from cli.progress import Progress
from cli.report import build_report, render

BROWSER = shutil.which("chromium")
KEY = "raw/example-company/2026/11/27/general_affairs/regulations_of_the_company.jsonl"
# A window can't be as narrow as a phone; a frame in it can.
FRAME = """<!doctype html><body>
<iframe style="border: 0; width: {width}px" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const width = element => element.getBoundingClientRect().width;
  const cells = [...page.querySelectorAll(".aside tr:last-child td")].map(width);
  document.body.dataset.widths = JSON.stringify([page.documentElement.scrollWidth, cells]);
}};
</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")


@pytest.fixture
def page(
    findings: Findings, progress: Progress, make_turn: Callable[..., Turn], lineage: Lineage
) -> str:
    record = '{"question": "納期の回答は誰がしますか?", "answer": "' + "x" * 60
    detail = f"'How long is the warranty?' in {KEY} says otherwise and is kept: three years"
    entry = {"reason": "conflicting_answer", "source": KEY, "detail": detail, "record": record}
    manifest = {"num_records": 3, "set_aside": {"conflicting_answer": 1}}
    findings.datasets.append(Dataset("v1", manifest, {KEY: 3}, [entry]))
    findings.turns += [make_turn(), make_turn()]
    findings.lineage = lineage
    lineage.documents[KEY] = "0" * 64
    return render(build_report(findings, progress))


@pytest.mark.parametrize(("width", "narrowest"), [(1280, 200), (390, 300)])
def test_what_was_set_aside_has_room(page: str, width: int, narrowest: int, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width, page=html.escape(page)), "utf-8")
    assert BROWSER is not None
    laid_out = subprocess.run(
        [
            *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1400,900", frame.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r'data-widths="([^"]+)"', laid_out.stdout)
    assert found, laid_out.stderr
    page_width, cells = json.loads(html.unescape(found[1]))
    assert page_width <= width
    assert len(cells) == 3 and min(cells) >= narrowest
