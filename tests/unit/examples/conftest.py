"""The example company's files, and what curation makes of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from curation.__main__ import curate, read_documents
from curation.deduplication import deduplicate
from curation.records import Record, SetAside

EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True)
class Curated:
    """The records kept, everything set aside, and the rows of the dataset version."""

    kept: list[Record]
    set_aside: list[SetAside]
    result: dict[str, Any]
    rows: list[dict[str, Any]]


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    base = tmp_path_factory.mktemp("curation")
    shutil.copytree(EXAMPLES / "documents", base / "input" / "raw")
    result = curate(base / "input", base / "output", dataset="text", feedback_weight=4)
    read, _, broken = read_documents(base / "input" / "raw")
    kept, duplicates = deduplicate(read)
    folder = base / "output" / "datasets" / "text" / result["version"]
    rows = [
        {
            **row,
            "question": row["messages"][-2]["content"],
            "answer": row["messages"][-1]["content"],
        }
        for shard in sorted(folder.glob("*.parquet"))
        for row in pyarrow.parquet.read_table(shard).to_pylist()
    ]
    return Curated(kept, broken + duplicates, result, rows)


@pytest.fixture(scope="session")
def corrections() -> list[dict[str, str]]:
    lines = (EXAMPLES / "corrections.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def readme() -> str:
    return (EXAMPLES / "README.md").read_text("utf-8")
