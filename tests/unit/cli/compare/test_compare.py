"""Providers compared: by one command, each by itself, whatever becomes of the others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.compare.asking import MAX_FAILURES_IN_A_ROW, Answered, ask_all, conversation
from cli.compare.clients import read_key
from cli.compare.comparison import latency, price
from cli.compare.reply import NoReply, Reply
from cli.compare.settings import Price
from cli.main import app
from meguru.limits import Message
from tests.unit.cli.compare.endpoints import BedrockHandler, OpenAIHandler, serve
from tests.unit.evaluation.answers import make_row

HOSTILE = "</div><script>alert(1)</script>"
RIGHT = {f"質問{n}": f"{n}日です。" for n in range(8)} | {"Who?": "Mori in Finance."}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    lines = [
        {"question": question, "label": {"verdict": "correct", "answer": answer}}
        for question, answer in RIGHT.items()
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines))
    return path


def run(tmp_path: Path, labels: Path, providers: dict[str, Any], *more: str) -> tuple[int, str]:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps({"providers": providers}), encoding="utf-8")
    words = ["compare", str(file), "--labels", str(labels), "--folder", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, *more])
    return result.exit_code, result.output


def written(tmp_path: Path) -> dict[str, Any]:
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_three_kinds_side_by_side_and_one_that_fails(
    tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOD_KEY", "sk-good")
    monkeypatch.delenv("NO_KEY", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with ExitStack() as stack:
        good = stack.enter_context(serve(OpenAIHandler, answers=RIGHT))
        poor = stack.enter_context(serve(BedrockHandler, other=HOSTILE))
        down = stack.enter_context(serve(OpenAIHandler, raw=b"<html>"))
        status, output = run(tmp_path, labels, {
            "good": {"kind": "openai", "address": f"{good.url}/v1", "model": "m",
                     "api_key_env": "GOOD_KEY", "price": {"input": 1, "output": 4}},
            "down": {"kind": "openai", "address": f"{down.url}/v1", "model": "m"},
            "keyless": {"kind": "openai", "address": f"{good.url}/v1", "model": "m",
                        "api_key_env": "NO_KEY"},
            "poor": {"kind": "bedrock", "model": "nova", "region": "us-east-1",
                     "endpoint_url": poor.url},
        })  # fmt: skip
    found = written(tmp_path)["providers"]
    assert status == 1, output
    assert found["good"]["metrics"]["exact_match"]["value"] == 1.0
    assert found["poor"]["metrics"]["exact_match"]["value"] == 0.0
    assert found["poor"]["differences"]["exact_match"]["difference"] == -1.0
    assert found["good"]["price"]["dollars"] == pytest.approx(
        (9 * 10 + 4 * sum(map(len, RIGHT.values()))) / 1e6
    )
    assert found["poor"]["price"]["dollars"] is None
    assert found["down"]["num_answered"] == 0
    assert len(down.requests) == MAX_FAILURES_IN_A_ROW
    assert found["keyless"]["reasons"] == {"the environment variable NO_KEY is not set": 9}
    assert len(good.requests) == 9
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "9 questions were not answered" in page
    everything = output + page + json.dumps(found)
    assert "sk-good" not in everything


def test_one_provider_alone_ends_with_0(tmp_path: Path, labels: Path) -> None:
    with serve(OpenAIHandler, answers=RIGHT) as endpoint:
        one = {"kind": "openai", "address": f"{endpoint.url}/v1", "model": "m"}
        status, output = run(tmp_path, labels, {"one": one}, "--at-most", "3")
    assert status == 0, output
    assert written(tmp_path)["num_questions"] == len(endpoint.requests) == 3
    assert re.search(r"one\s+3 of 3\s+1\s+100\s", output)


def test_providers_that_are_nowhere_stop_no_other(tmp_path: Path, labels: Path) -> None:
    with serve(OpenAIHandler, answers=RIGHT) as endpoint:
        status, output = run(tmp_path, labels, {
            "ours": {"kind": "meguru"},
            "bad": {"kind": "openai", "address": "http://[x/v1", "model": "m"},
            "odd": {"kind": "bedrock", "model": "m", "region": "us-east-1",
                    "endpoint_url": "nowhere"},
            "good": {"kind": "openai", "address": f"{endpoint.url}/v1", "model": "m"},
        }, "--endpoint-url", "http://127.0.0.1:1", "--at-most", "2")  # fmt: skip
    found = written(tmp_path)["providers"]
    assert [one["num_answered"] for one in found.values()] == [0, 0, 0, 2], output
    assert status == 1
    assert all(sum(one["reasons"].values()) == 2 for one in list(found.values())[:3])


def test_without_labels_the_lake_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "providers.yaml"
    file.write_text("providers: {ours: {kind: meguru}}")
    words = ["compare", str(file), "--endpoint-url", "http://127.0.0.1:1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"question": "q", "answers": []}', "no labelled question"), ("{", "line 1: not JSON")],
)
def test_labels_that_are_none_are_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    status, output = run(tmp_path, path, {"ours": {"kind": "meguru"}})
    assert status == 1
    assert said in output


@pytest.mark.parametrize(
    ("value", "said"), [("", "not set"), (" \n", "not set"), ("鍵", "no key"), ("a\nb", "no key")]
)
def test_a_variable_without_a_key_is_named(value: str, said: str) -> None:
    with pytest.raises(NoReply, match=f"the environment variable KEY .*{said}"):
        read_key("KEY", {"KEY": value})


def test_a_key_is_read_without_the_space_around_it() -> None:
    assert read_key("KEY", {"KEY": "sk-1\n"}) == "sk-1"
    assert read_key(None, {}) == ""


class Client:
    """Gives no answer to questions in `failing`."""

    def __init__(self, failing: frozenset[str], *, is_final: bool = False) -> None:
        self._failing, self._is_final = failing, is_final
        self.asked = 0

    def ask(self, messages: Sequence[Message]) -> Reply:
        self.asked += 1
        if messages[-1]["content"] in self._failing:
            raise NoReply("no", is_final=self._is_final)
        return Reply("a", 1.0)


ROWS = [make_row(f"q{n}") for n in range(20)]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_question_that_fails_costs_no_other(at_once: int) -> None:
    client = Client(frozenset({"q1", "q7"}))
    found = ask_all("a", lambda: client, ROWS, at_once=at_once)
    assert [row.question for row, _ in found.answers] == [
        row.question for row in ROWS if row.question not in ("q1", "q7")
    ]
    assert found.reasons == {"no": 2}


def test_one_whose_key_is_wrong_is_asked_once() -> None:
    client = Client(frozenset(row.question for row in ROWS), is_final=True)
    found = ask_all("a", lambda: client, ROWS)
    assert (client.asked, found.reasons) == (1, {"no": 1, "not asked any more": 19})


def test_a_system_message_of_the_file_stands_in_for_the_row_s() -> None:
    row = make_row("q").after(({"role": "system", "content": "old"},))
    assert [one["content"] for one in conversation(row, "new")] == ["new", "q"]
    assert [one["content"] for one in conversation(row, "")] == ["old", "q"]


def answered(*replies: Reply) -> Answered:
    return Answered("a", list(zip(ROWS, replies, strict=False)))


def test_latency_is_by_nearest_rank_and_without_waiting() -> None:
    replies = [Reply("a", seconds / 10, seconds / 100) for seconds in range(1, 11)]
    found = latency(answered(*replies, Reply("a", 60, num_retries=2)))
    assert found["total"] == {"p50": 0.5, "p95": 1.0}
    assert found["first"] == {"p50": 0.05, "p95": 0.1}
    assert (found["num_measured"], found["num_tried_again"]) == (10, 1)
    only = latency(answered(Reply("a", 60, num_retries=2)))
    assert only["total"] == {"p50": 60, "p95": 60}
    assert latency(answered())["total"] is None


def test_a_price_is_known_where_all_tokens_are() -> None:
    counted = Reply("a", 1, None, 100, 10)
    asked = Price(input=10, output=100)
    assert price(answered(counted, counted), asked)["dollars"] == 0.004
    assert price(answered(counted, counted), asked)["dollars_per_thousand"] == 2.0
    assert price(answered(counted, Reply("a", 1)), asked)["dollars"] is None
    assert price(answered(counted), None)["dollars"] is None
    assert price(answered(), asked)["dollars"] is None
