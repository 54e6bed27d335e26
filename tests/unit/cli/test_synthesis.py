"""`app.py` as the command runs it: what it refuses is said as it said it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.synthesis import SynthesisFailed, synthesize


def test_refusal_is_one_message(tmp_path: Path, poc: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(poc.read_text().replace("name: poc", "name: POC"))
    with pytest.raises(SynthesisFailed) as failure:
        synthesize(wrong, tmp_path / "out" / "cdk.out")
    assert f"{wrong}:2: name:" in str(failure.value)
    assert "Traceback" not in str(failure.value)
