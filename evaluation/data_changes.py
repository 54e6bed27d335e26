"""What changed in the data since the version that the serving model was trained on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from meguru.dataset_version import Row

MAX_LISTED = 50
MAX_CORRECTIONS = 20


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in `folder`; None where there is none, or one that can't be read."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def describe_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], rows: Sequence[Row]
) -> dict[str, Any]:
    """Documents added, removed and changed (by their SHA-256), and the counts of both versions.

    `rows` are the new version's: how many each document gave, and what people corrected.
    """
    before, after = _sources(old), _sources(new)
    corrections = set(_feedback(new)) - set(_feedback(old))
    given = Counter(row.source_uri for row in rows)
    return {
        "added": _with_records(_listed(after.keys() - before.keys()), given),
        "removed": _listed(before.keys() - after.keys()),
        "changed": _with_records(
            _listed({uri for uri in before.keys() & after.keys() if before[uri] != after[uri]}),
            given,
        ),
        "num_unchanged": sum(before[uri] == after[uri] for uri in before.keys() & after.keys()),
        "num_new_corrections": len(corrections),
        "new_corrections": _corrected(rows, corrections),
        "before": _counts(old),
        "after": _counts(new),
    }


def describe_data(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A version's counts, and the licences of its sources where the manifest knows any."""
    licences = manifest.get("licences")
    known = licences if isinstance(licences, dict) else {}
    by_licence: dict[str, int] = {}
    for uri in _sources(manifest):
        name = str(known.get(uri) or "unknown")
        by_licence[name] = by_licence.get(name, 0) + 1
    return {**_counts(manifest), "licences": dict(sorted(by_licence.items()))}


def _counts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "num_documents": len(_sources(manifest)),
        "num_corrections": len(_feedback(manifest)),
        "num_records": _number(manifest.get("num_records")),
        "splits": _numbers(manifest.get("splits")),
        "languages": _numbers(manifest.get("languages")),
        "set_aside": _numbers(manifest.get("set_aside")),
    }


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _numbers(value: Any) -> dict[str, int]:
    return (
        {str(name): _number(one) for name, one in value.items()} if isinstance(value, dict) else {}
    )


def _sources(manifest: Mapping[str, Any]) -> dict[str, str]:
    found = manifest.get("sources")
    return (
        {str(uri): str(digest) for uri, digest in found.items()} if isinstance(found, dict) else {}
    )


def _feedback(manifest: Mapping[str, Any]) -> list[str]:
    found = manifest.get("feedback_ids")
    return [str(one) for one in found] if isinstance(found, list) else []


def _with_records(listed: dict[str, Any], given: Mapping[str, int]) -> dict[str, Any]:
    return {**listed, "num_records": {uri: given.get(uri, 0) for uri in listed["first"]}}


def _corrected(rows: Sequence[Row], corrections: Collection[str]) -> list[dict[str, str]]:
    """What the first of the new corrections teach: each question once."""
    found = {
        (row.question, row.answer): {"question": row.question, "answer": row.answer}
        for row in rows
        if row.source_uri in corrections and row.rating == 0
    }
    return list(found.values())[:MAX_CORRECTIONS]


def _listed(uris: Collection[str]) -> dict[str, Any]:
    return {"number": len(uris), "first": sorted(uris)[:MAX_LISTED]}
