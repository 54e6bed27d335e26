"""The example that README shows, as it is run there."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from localcloud.cloud import Cloud
from localcloud.template.assembly import Assembly
from localcloud.template.cloudformation import CloudFormationService

GUESTBOOK = Path(__file__).parents[1] / "examples" / "guestbook"


def ask(url: str, body: bytes | None = None) -> tuple[int, object]:
    try:
        with urllib.request.urlopen(url, body, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def url_of(cloud: Cloud) -> str:
    return cloud.service(CloudFormationService).stacks["Guestbook"].outputs["Url"].value


def test_the_guestbook_keeps_what_is_written_into_it(tmp_path: Path) -> None:
    with Cloud(Assembly.load(GUESTBOOK), work_dir=tmp_path) as cloud:
        url = url_of(cloud)
        assert ask(url) == (200, [])
        assert ask(url, '{"text": "こんにちは"}'.encode())[0] == 201
        assert ask(url) == (200, ["こんにちは"])


def test_without_a_grant_it_reads_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(GUESTBOOK, tmp_path / "guestbook")
    template = folder / "Guestbook.template.json"
    text = template.read_text()
    template.write_text(text.replace(', "dynamodb:Scan"', ""))
    assert template.read_text() != text
    with Cloud(Assembly.load(folder), work_dir=tmp_path / "work") as cloud:
        assert ask(url_of(cloud))[0] == 502
