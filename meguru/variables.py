"""What the template tells a function: its variables, and those in a file beside its code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

# All variables of a function have 4 KB together in Lambda: what grows with models is in this file.
VARIABLES_FILE = "variables.json"


def variables(module: str) -> Mapping[str, str]:
    """All variables of a function, one of whose modules is the file `module`."""
    path = Path(module).with_name(VARIABLES_FILE)
    more: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {**os.environ, **more}
