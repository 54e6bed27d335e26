"""What a function is told, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meguru.variables import VARIABLES_FILE, variables


def test_a_file_beside_the_code_adds_to_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE", "consumers")
    monkeypatch.delenv("MODELS", raising=False)
    module = str(tmp_path / "handler.py")
    assert "MODELS" not in variables(module)
    (tmp_path / VARIABLES_FILE).write_text(json.dumps({"MODELS": '{"名前": "a"}'}), "utf-8")
    assert (variables(module)["TABLE"], variables(module)["MODELS"]) == (
        "consumers",
        '{"名前": "a"}',
    )
