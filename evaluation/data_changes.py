"""What changed in the data since the version that the serving model was trained on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

MAX_LISTED = 50


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in `folder`; None where there is none, or one that can't be read."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def describe_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Documents added, removed and changed (by their SHA-256), and the counts of both versions."""
    before, after = _sources(old), _sources(new)
    corrections = set(_feedback(new)) - set(_feedback(old))
    return {
        "added": _listed(after.keys() - before.keys()),
        "removed": _listed(before.keys() - after.keys()),
        "changed": _listed(
            {uri for uri in before.keys() & after.keys() if before[uri] != after[uri]}
        ),
        "num_unchanged": sum(before[uri] == after[uri] for uri in before.keys() & after.keys()),
        "num_new_corrections": len(corrections),
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
        "num_records": manifest.get("num_records"),
        "splits": manifest.get("splits") or {},
        "languages": manifest.get("languages") or {},
        "set_aside": manifest.get("set_aside") or {},
    }


def _sources(manifest: Mapping[str, Any]) -> dict[str, str]:
    found = manifest.get("sources")
    return (
        {str(uri): str(digest) for uri, digest in found.items()} if isinstance(found, dict) else {}
    )


def _feedback(manifest: Mapping[str, Any]) -> list[str]:
    found = manifest.get("feedback_ids")
    return [str(one) for one in found] if isinstance(found, list) else []


def _listed(uris: Collection[str]) -> dict[str, Any]:
    return {"number": len(uris), "first": sorted(uris)[:MAX_LISTED]}
