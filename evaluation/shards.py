"""Reading a data version's Parquet shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet


def read_parquet(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """A shard's rows, with those of the columns that it has."""
    # Not read_table: it imports what reads whole folders of files, in every process anew.
    with pyarrow.parquet.ParquetFile(path) as file:
        table = file.read()
    known = table.select([name for name in columns if name in table.column_names])
    rows: list[dict[str, Any]] = known.to_pylist()
    return rows
