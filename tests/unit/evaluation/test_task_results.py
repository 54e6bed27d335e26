"""lm-eval's results: told as they are, broken files by name; and what it really writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.task_results import MAX_LISTED, describe_tasks
from tests.unit.cli.compare.endpoints import OpenAIHandler, serve

REPOSITORY = Path(__file__).parents[3]
WRITTEN: dict[str, Any] = {
    "results": {
        "own_questions": {
            "alias": "own_questions",
            "sample_len": 50,
            "exact_match,none": 0.5,
            "exact_match_stderr,none": 0.1,
            "bleu,strict": 12.5,
            "bleu_stderr,strict": "N/A",
            "perplexity,none": float("nan"),
        }
    },
    "higher_is_better": {"own_questions": {"exact_match": True, "bleu": False}},
    "date": 1795781937.6,
    "model_name": "staff-chat",
}


def test_each_metric_with_its_interval(tmp_path: Path) -> None:
    (tmp_path / "lm-eval").mkdir()
    (tmp_path / "lm-eval" / "results_1.json").write_text(json.dumps(WRITTEN))
    exact, bleu = describe_tasks(tmp_path)["tasks"]
    assert exact == {
        "file": "lm-eval/results_1.json", "model": "staff-chat", "date": "2026-11-27",
        "task": "own_questions", "metric": "exact_match", "value": 0.5,
        "low": 0.304, "high": 0.696, "num_samples": 50, "higher_is_better": True,
    }  # fmt: skip
    assert (bleu["metric"], bleu["low"], bleu["higher_is_better"]) == ("bleu, strict", None, False)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"results": []}', b'{"results": {"t": 3}}',
                b'{"results": {"t": {}}, "higher_is_better": []}', b"[" * 100_000],
)  # fmt: skip
def test_a_broken_file_is_named_and_leaves_the_others(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results_0.json").write_bytes(content)
    (tmp_path / "results_1.json").write_text(json.dumps(WRITTEN))
    found = describe_tasks(tmp_path)
    assert found["broken_tasks"] == ["results_0.json"]
    assert len(found["tasks"]) == 2


def test_a_long_list_is_counted_and_cut(tmp_path: Path) -> None:
    results = {"results": {f"task-{n}": {"acc,none": 1} for n in range(MAX_LISTED + 1)}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = describe_tasks(tmp_path)
    assert (len(found["tasks"]), found["num_tasks"]) == (MAX_LISTED, MAX_LISTED + 1)


def test_no_folder_has_none(tmp_path: Path) -> None:
    assert describe_tasks(tmp_path / "none")["tasks"] == []


LM_EVAL = shutil.which("lm_eval", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.skipif(LM_EVAL is None, reason="the optional group 'tasks' is not installed")
def test_what_lm_eval_writes_of_our_task(tmp_path: Path) -> None:
    answers = {"締切は?": "10日です。", "窓口は?": "総務部です。"}
    lines = [
        {"question": question, "label": {"verdict": "correct", "answer": answer}}
        for question, answer in answers.items()
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with serve(OpenAIHandler, answers={"締切は?": "10日です。"}) as endpoint:
        url = f"{endpoint.url}/v1/chat/completions"
        words = [
            "run", "--model", "local-chat-completions", "--apply_chat_template",
            "--model_args", f"model=staff-chat,base_url={url},num_concurrent=2,max_retries=2",
            "--include_path", str(REPOSITORY / "examples" / "lm_eval"),
            "--tasks", "own_questions", "--output_path", str(tmp_path / "labels"),
        ]  # fmt: skip
        environment = {**os.environ, "OPENAI_API_KEY": "sk-1", "HF_HUB_OFFLINE": "1"}
        environment["HF_HOME"] = str(tmp_path / "cache")
        assert LM_EVAL is not None
        subprocess.run([LM_EVAL, *words], cwd=tmp_path, env=environment, check=True, timeout=200)
    assert endpoint.requests[0][1]["authorization"] == "Bearer sk-1"
    found = describe_tasks(tmp_path / "labels")
    [exact] = found["tasks"]
    assert (exact["task"], exact["value"], exact["num_samples"]) == ("own_questions", 0.5, 2)
    assert exact["model"] == "staff-chat"
