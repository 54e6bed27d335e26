"""The curation job: reads the lake's raw objects and feedback, freezes a dataset version."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from curation.corrections import apply_corrections
from curation.dataset import dataset_rows, freeze, held_out_identities, with_votes
from curation.deduplication import deduplicate
from curation.feedback import parse_feedback
from curation.licences import find_licences, is_licence
from curation.parsing import parse_document
from curation.records import Record, SetAside
from curation.token_limit import TokenLimit
from curation.votes import count_votes
from meguru.fingerprint import canonical_json, file_sha256
from meguru.names import RAW_PREFIX
from meguru.normalisation import OFF, ON, RULES, read_rules


def main() -> None:
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    result = curate(
        base / "processing" / "input",
        base / "processing" / "output",
        dataset=os.environ["DATASET"],
        feedback_weight=int(os.environ["FEEDBACK_WEIGHT"]),
        rules=read_rules(os.environ.get("NORMALISATION", ON)),
        context_tokens=int(os.environ.get("CONTEXT_TOKENS", "0")),
        with_preferences=os.environ.get("PREFERENCES", OFF) == ON,
    )
    counts = {name: value for name, value in result.items() if name != "feedback_ids"}
    print(json.dumps(counts, ensure_ascii=False))


def curate(
    source: Path,
    output: Path,
    *,
    dataset: str,
    feedback_weight: int,
    rules: Sequence[str] = RULES,
    context_tokens: int = 0,
    with_preferences: bool = False,
) -> dict[str, Any]:
    """Curate `source/{raw,feedback}` into `output/{datasets,quarantine,result}`.

    `rules` are those by which the text for training is normalised. Where a model serves it is in
    `source/serving_model`: what has more than `context_tokens` by its tokenizer is set aside.
    Without, or with 0, that is left to the training. With preferences, feedback's votes are rows
    too, and corrections have the answer that was corrected. Returns what result.json says: the
    version, its counts, and how much was set aside and why.
    """
    documents, sources, set_aside = read_documents(source / "raw")
    licences = read_licences(source / "raw")
    feedback, broken, feedback_ids = read_feedback(source / "feedback", with_preferences)
    serving_model = source / "serving_model"
    if context_tokens and serving_model.is_dir():
        limit = TokenLimit.of_model(serving_model, context_tokens, rules)
        documents, long_documents = limit.hold(documents)
        feedback, long_feedback = limit.hold(feedback)
        set_aside += long_documents + long_feedback
    corrections = [record for record in feedback if not record.rating]
    votes = [record for record in feedback if record.rating]
    # A day more than here: it begins earlier elsewhere.
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    documents, duplicates = deduplicate(documents, tomorrow)
    documents, applied, superseded = apply_corrections(documents, corrections)
    rows = dataset_rows(documents, applied, feedback_weight, rules)
    counted, left_out = count_votes(votes, corrections, held_out_identities(rows))
    rows = with_votes(rows, counted, rules)
    set_aside += broken + duplicates + superseded + left_out
    version, manifest = freeze(
        output / "datasets" / dataset, dataset, rows, sources, set_aside, rules, licences
    )
    write_quarantine(output / "quarantine", version, set_aside)
    result = {
        "version": version,
        "num_records": manifest["num_records"],
        "splits": manifest["splits"],
        "set_aside": manifest["set_aside"],
        # Learnt or set aside: none of them waits any longer.
        "feedback_ids": feedback_ids,
    }
    (output / "result").mkdir(parents=True, exist_ok=True)
    (output / "result" / "result.json").write_bytes(canonical_json(result))
    return result


def read_documents(folder: Path) -> tuple[list[Record], dict[str, str], list[SetAside]]:
    """The records of every raw object in the order of their keys, and each object's SHA-256."""
    records: list[Record] = []
    set_aside: list[SetAside] = []
    sources: dict[str, str] = {}
    for path in _files(folder):
        if is_licence(path):
            continue
        uri = _uri(path, folder)
        sources[uri] = file_sha256(path)
        for parsed in parse_document(path, uri):
            if isinstance(parsed, SetAside):
                set_aside.append(parsed)
            else:
                records.append(parsed)
    return records, sources, set_aside


def read_licences(folder: Path) -> dict[str, str]:
    """The licence of each raw object that has one, by its key."""
    return {
        _uri(path, folder): name for path, name in find_licences(folder, _files(folder)).items()
    }


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _uri(path: Path, folder: Path) -> str:
    return RAW_PREFIX + path.relative_to(folder).as_posix()


def read_feedback(
    folder: Path, with_preferences: bool = False
) -> tuple[list[Record], list[SetAside], list[str]]:
    """The corrections (and votes), what was set aside, and the ids of all feedback (its names)."""
    # A key may go on after another that is whole: then a folder has the name.
    paths = sorted(path for path in folder.rglob("*.json") if path.is_file())
    parsed = [parse_feedback(path, with_preferences=with_preferences) for path in paths]
    return (
        [record for record in parsed if isinstance(record, Record)],
        [item for item in parsed if isinstance(item, SetAside)],
        [path.stem for path in paths],
    )


def write_quarantine(folder: Path, version: str, set_aside: list[SetAside]) -> None:
    """One file for each reason, with all that this version left out for it."""
    by_reason = defaultdict(list)
    for item in set_aside:
        by_reason[item.reason].append(item)
    for reason, items in by_reason.items():
        path = folder / reason / f"{version}.jsonl"
        path.parent.mkdir(parents=True)
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for item in items:
                line = {
                    "source": item.source.uri,
                    "detail": item.detail,
                    "content": item.content,
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(f"set aside: {dict(Counter(item.reason for item in set_aside))}", file=sys.stderr)


if __name__ == "__main__":
    main()
