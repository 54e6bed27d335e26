"""Under which licence a base model is, as far as its own files say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from meguru.base_model import UNKNOWN_LICENCE

SEE_LICENCE = "see LICENSE"
# What a model card calls a licence that is no name of one.
_NO_NAMES = ("other", "unknown", "")
_BEGINNINGS = {
    "Apache-2.0": r"Apache License\s+Version 2\.0",
    "MIT": r"MIT License|Permission is hereby granted, free of charge",
    "BSD-3-Clause": r"BSD 3-Clause",
    "CC-BY-4.0": r"Attribution 4\.0 International",
    "CC-BY-NC-4.0": r"Attribution-NonCommercial 4\.0 International",
}
# As model cards write them, which is in lower case, and as SPDX does.
_SPDX = {name.lower(): name for name in (*_BEGINNINGS, "CC-BY-SA-4.0", "BSD-2-Clause", "CC0-1.0")}


def spdx(written: object) -> str:
    """A licence's SPDX id where it is a known one, else as it is written; empty for none."""
    text = str(written or "").strip()
    return "" if text.lower() in _NO_NAMES else _SPDX.get(text.lower(), text)


def find_licence(card: Path | None, files: Sequence[Path]) -> str:
    """The SPDX id that the licence's text or the model card says; "see LICENSE", or "unknown"."""
    for path in files:
        beginning = path.read_text(encoding="utf-8", errors="replace")[:2000]
        for name, pattern in _BEGINNINGS.items():
            if re.search(pattern, beginning):
                return name
    if card is not None and (said := spdx(_of_card(card))):
        return said
    return SEE_LICENCE if files else UNKNOWN_LICENCE


def _of_card(card: Path) -> object:
    """`license` in the YAML that a model card may begin with."""
    text = card.read_text(encoding="utf-8", errors="replace")
    found = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    try:
        values = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        return None
    if not isinstance(values, dict):
        return None
    # A licence of the maker's own has a name beside `license: other`.
    return spdx(values.get("license")) or values.get("license_name")
