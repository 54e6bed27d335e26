"""A local cloud that has nothing but a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.cloud_process import CloudProcess
from tests.dynamodb_table import table_of

MANIFEST = {
    "version": "43.0.0",
    "artifacts": {
        "Table": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "Table.template.json"},
        }
    },
}


@contextmanager
def one_table(folder: Path, name: str, key: str, index: str | None = None) -> Iterator[str]:
    """The address of the cloud; `key` and `index` are attributes that find the table's items."""
    folder.mkdir(parents=True, exist_ok=True)
    table = {"Type": "AWS::DynamoDB::Table", "Properties": table_of(name, key, index)}
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "Table.template.json").write_text(json.dumps({"Resources": {"Table": table}}))
    with CloudProcess(folder, port=0, log=folder / "log") as cloud:
        yield cloud.endpoint_url
