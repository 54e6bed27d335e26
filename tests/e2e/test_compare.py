"""Providers compared: the environment's own models, by the keys and addresses of its stacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.e2e.loop_cloud import MODEL, NAME, LoopCloud

FILE = """
max_tokens: 4
providers:
  ours: {kind: meguru, price: {input: 1, output: 2}}
  same: {kind: openai, address: ADDRESS, model: MODEL, api_key_env: OUR_KEY, stream: false}
  gone: {kind: meguru, model_key: nobody-s}
"""


def test_our_own_models_are_asked_like_any_other(
    cloud: LoopCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OUR_KEY", "MEGURU_API_KEY"):
        monkeypatch.setenv(name, cloud.account.api_key)
    file, labels = tmp_path / "providers.yaml", tmp_path / "own.jsonl"
    text = FILE.replace("ADDRESS", cloud.outputs["ApiBase"]).replace("MODEL", MODEL)
    file.write_text(text, encoding="utf-8")
    label = {"verdict": "correct", "answer": "10日です。"}
    lines = [{"question": f"締切は{n}?", "label": label} for n in range(3)]
    labels.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    words = ["compare", str(file), "--labels", str(labels), "--folder", str(tmp_path / "out"),
             "--environment-name", NAME, "--endpoint-url", cloud.endpoint_url]  # fmt: skip
    result = CliRunner().invoke(app, words)
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    ours, same, gone = found["providers"].values()
    assert (ours["num_answered"], same["num_answered"]) == (3, 3), result.output
    assert ours["metrics"] == same["metrics"]
    assert ours["price"]["dollars"] > 0
    assert ours["latency"]["first"]["p50"] < ours["latency"]["total"]["p95"]
    assert gone["num_answered"] == 0
    assert result.exit_code == 1
    assert cloud.account.api_key not in result.output + json.dumps(found)
