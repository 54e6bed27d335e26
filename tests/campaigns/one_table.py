"""A local cloud that has nothing but a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.cloud_process import CloudProcess

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
def one_table(folder: Path, name: str, key: str) -> Iterator[str]:
    """The address of the cloud; `key` is the attribute that the table's items are found by."""
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "Table.template.json").write_text(json.dumps({"Resources": {"Table": table}}))
    with CloudProcess(folder, port=0, log=folder / "log") as cloud:
        yield cloud.endpoint_url
