"""Training data in the shapes people have it: all of it is learnt, or told why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.parsing import parse_document
from curation.records import Record, SetAside

SHAPES = Path(__file__).parent / "shapes"
USER = {"role": "user", "content": "q"}
ASSISTANT = {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}
GOOD = {"question": "締切は?", "answer": "10日"}


def read(name: str) -> list[Record]:
    records = list(parse_document(SHAPES / name, f"raw/{name}"))
    assert all(isinstance(record, Record) for record in records), records
    return [record for record in records if isinstance(record, Record)]


def said(record: Record) -> str:
    """All messages, each after the first letter of its role."""
    asked = {"role": "user", "content": record.questions[0]}
    messages = [*record.context, asked, {"role": "assistant", "content": record.answer}]
    return " ".join(f"{one['role'][0]}:{one['content']}" for one in messages)


def parse(folder: Path, value: Any) -> Record | SetAside:
    """What becomes of an object between two good ones, which it costs nothing."""
    path = folder / "a.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in (GOOD, value, GOOD)))
    first, parsed, last = parse_document(path, "raw/a.jsonl")
    assert isinstance(first, Record) and isinstance(last, Record)
    return parsed


def test_chats() -> None:
    long, short, parts, weighted = read("messages.jsonl")
    assert said(long) == (
        "s:あなたは総務部の窓口です。 u:名刺はどこで頼めますか？ a:総務部の窓口で頼めます。 "
        "u:何日かかりますか？ a:五営業日です。"
    )
    assert said(short).startswith("u:How do I book")
    assert said(parts) == "s:Answer in one line. u:Who repairs the printer? a:The facilities team."
    turns = [one.train_turns for one in (long, short, parts, weighted)]
    assert turns == ["all", "all", "all", "last"]


def test_sharegpt() -> None:
    two, one = read("sharegpt.json")
    assert said(two) == (
        "u:What is the Wi-Fi called? a:Guests use hoshi-guest. "
        "u:And staff? a:Staff use hoshi-staff."
    )
    assert said(one) == "s:Be brief. u:社員食堂は何時までですか a:14時までです。"
    assert {two.train_turns, one.train_turns} == {"all"}


def test_alpaca() -> None:
    with_input, without, after = read("alpaca.json")
    assert said(with_input) == "u:Translate into Japanese.\n\nGood morning a:おはようございます"
    assert said(without) == "u:Name the three primary colours of light. a:Red, green and blue."
    assert said(after) == (
        "s:You know the office hours. u:When does the office open? a:At 9:00. "
        "u:And in summer? a:From 8:30."
    )


def test_alpaca_as_a_table() -> None:
    first, second = read("alpaca.csv")
    assert said(first) == (
        "u:Sum up the notice.\n\nThe lift is closed\non Monday. a:No lift on Monday."
    )
    assert said(second) == "u:Say hello in French. a:Bonjour."


def test_preferences() -> None:
    records = read("preference.jsonl")
    assert [(said(one), one.rejected) for one in records] == [
        ("u:休暇の申請はどうしますか a:前日までに申請書を出してください。", "知りません。"),
        ("s:Be polite. u:Can I park here? a:Yes, with a permit, please.", "No."),
        ("u:Where is the canteen? a:On the second floor.", "Somewhere."),
        ("u:Who signs contracts? a:The legal team.", "You do."),
        ("s:Be exact. u:How long is the warranty? a:Two years.", "Some years."),
    ]


def test_preference_of_openai(tmp_path: Path) -> None:
    value: dict[str, Any] = {
        "input": {"messages": [SYSTEM, USER], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [ASSISTANT],
        "non_preferred_output": [{**ASSISTANT, "content": "worse"}],
    }
    record = parse(tmp_path, value)
    assert isinstance(record, Record)
    assert (said(record), record.rejected) == ("s:s u:q a:a", "worse")
    damages: list[tuple[dict[str, Any], str]] = [
        ({"input": "q"}, "wrong_type"),
        ({"input": {}}, "missing_question"),
        ({"input": {"messages": [USER], "tools": [{}]}}, "tool_use"),
        ({"non_preferred_output": [ASSISTANT]}, "no_preference"),
    ]
    for broken, reason in damages:
        parsed = parse(tmp_path, value | broken)
        assert isinstance(parsed, SetAside) and parsed.reason == reason


def test_completions_and_lone_votes() -> None:
    records = read("completion.jsonl")
    assert [(said(one), one.rating) for one in records] == [
        ("u:The sky is a: blue.", 0),
        ("u:What colour is grass? a:Green.", 1),
        ("u:What colour is snow? a:Black.", -1),
    ]


IMAGE = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "what?"}]
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]}


@pytest.mark.parametrize(
    ("messages", "reason", "detail"),
    [
        ("text", "wrong_type", "'messages' has to be a list of messages, and is text"),
        ([], "missing_question", "no turn of a user"),
        ([USER], "missing_answer", "no turn of an assistant"),
        ([SYSTEM, ASSISTANT], "missing_question", "no turn of a user"),
        ([ASSISTANT, USER, ASSISTANT], "wrong_order", "the assistant speaks first"),
        ([USER, ASSISTANT, USER], "missing_answer", "nobody answers the last message"),
        ([USER, USER, ASSISTANT], "wrong_order", "messages 1 and 2 are both the user's"),
        (
            [SYSTEM, USER, ASSISTANT, ASSISTANT],
            "wrong_order",
            "messages 3 and 4 are both the assistant's",
        ),
        ([USER, ASSISTANT, SYSTEM, USER, ASSISTANT], "wrong_order", "message 3 is a system"),
        ([SYSTEM, SYSTEM, USER, ASSISTANT], "wrong_order", "message 2 is a system"),
        ([USER, CALL], "tool_use", "message 2 of 'messages' calls a tool"),
        (
            [USER, CALL, {"role": "tool", "content": "5"}, ASSISTANT],
            "tool_use",
            "message 2 of 'messages' calls a tool",
        ),
        (
            [USER, {"role": "function", "content": "5"}],
            "tool_use",
            "message 2 of 'messages' is a tool's ('function')",
        ),
        ([{"role": "user", "content": IMAGE}, ASSISTANT], "not_text", "a part that is image_url"),
        ([{"role": "user", "content": ["x"]}, ASSISTANT], "not_text", "a part that is text"),
        ([USER, {"role": "assistant", "content": " \u200b"}], "empty_turn", "message 2 of"),
        ([USER, {"role": "assistant", "content": None}], "empty_turn", "message 2 of"),
        ([USER, {"role": "assistant"}], "empty_turn", "message 2 of"),
        ([USER, {"role": "assistant", "content": 5}], "wrong_type", "and is a number"),
        ([USER, {"role": "critic", "content": "a"}], "unknown_role", "has the role 'critic'"),
        ([USER, {"content": "a"}], "wrong_type", "message 2 of 'messages' has to have a role"),
        ([USER, "a"], "wrong_type", "message 2 of 'messages' has to be an object, and is text"),
        ([USER, {**ASSISTANT, "content": "\ud800"}], "undecodable", "half of a character"),
        ([USER, {**ASSISTANT, "content": "a" * 200_001}], "too_long", "message 2 of 'messages'"),
        ([USER, ASSISTANT] * 501, "too_long", "has 1002 messages, at most 1000"),
        ([{**USER, "content": "q" * 500}, ASSISTANT] * 400, "too_long", "the conversation has"),
        (
            [USER, ASSISTANT, USER, {**ASSISTANT, "weight": 0}],
            "weights",
            "either every answer is learnt or the last",
        ),
    ],
)
def test_chat_that_can_not_be_learnt(
    tmp_path: Path, messages: Any, reason: str, detail: str
) -> None:
    parsed = parse(tmp_path, {"messages": messages})
    assert isinstance(parsed, SetAside) and parsed.reason == reason
    assert parsed.detail.startswith("line 2: ") and detail in parsed.detail
    assert parsed.content == {"messages": messages}


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (
            {"conversations": [{"from": "human", "value": "q"}, {"from": "observation"}]},
            "tool_use",
            "message 2 of 'conversations' is a tool's ('observation')",
        ),
        (
            {"messages": [USER, ASSISTANT], "tools": [{"type": "function"}]},
            "tool_use",
            "it has 'tools'",
        ),
        (
            {"messages": [USER, ASSISTANT], "system": 5},
            "wrong_type",
            "'system' has to be text, and is a number",
        ),
        ({"messages": None}, "wrong_type", "'messages' has to be a list of messages, and is null"),
        ({"instruction": "i", "output": ""}, "empty_turn", "'output' is missing or empty"),
        ({"instruction": " ", "output": "o"}, "empty_turn", "'instruction' is missing or empty"),
        ({"instruction": "i", "input": ["x"], "output": "o"}, "wrong_type", "'input' has to be"),
        ({"instruction": "i", "output": "o", "history": [["q"]]}, "wrong_type", "list of pairs"),
        ({"prompt": "p", "completion": "c", "label": "good"}, "wrong_type", "'label' has to be"),
        ({"prompt": "p", "completion": ""}, "empty_turn", "'completion' is missing or empty"),
        ({"chosen": "c", "rejected": "r"}, "missing_question", "'prompt' is missing"),
        (
            {"prompt": "p", "chosen": "same", "rejected": " same"},
            "no_preference",
            "are the same answer",
        ),
        (
            {"chosen": [USER, ASSISTANT], "rejected": [SYSTEM, USER, ASSISTANT]},
            "wrong_order",
            "differ before their last messages",
        ),
        ({"prompt": "p", "chosen": [], "rejected": "r"}, "missing_answer", "'chosen' has no"),
        (
            {"prompt": "p", "chosen": [USER], "rejected": [USER]},
            "missing_answer",
            "the last message of 'chosen' is no assistant's",
        ),
        ({"prompt": "p", "chosen": 5, "rejected": "r"}, "wrong_type", "'chosen' has to be a list"),
        (
            {"prompt": [USER, ASSISTANT], "chosen": "c", "rejected": "r"},
            "wrong_order",
            "messages 2 and 3 are both the assistant's",
        ),
    ],
)
def test_other_shapes_that_can_not_be_learnt(
    tmp_path: Path, value: Any, reason: str, detail: str
) -> None:
    parsed = parse(tmp_path, value)
    assert isinstance(parsed, SetAside) and parsed.reason == reason
    assert detail in parsed.detail
    assert parsed.content == value


def test_of_several_shapes_put_together_each_is_read_by_what_it_has(tmp_path: Path) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("messages", "instruction", "output", "question"))
    chat = parse(tmp_path, nothing | {"messages": [USER, ASSISTANT]})
    instruction = parse(tmp_path, nothing | {"instruction": "i", "output": "o"})
    assert isinstance(chat, Record) and said(chat) == "u:q a:a"
    assert isinstance(instruction, Record) and said(instruction) == "u:i a:o"


def test_shapes_that_are_mixed_in_one_file_are_read_each_by_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    names = ("messages.jsonl", "preference.jsonl", "completion.jsonl")
    path.write_text("".join((SHAPES / name).read_text("utf-8") for name in names), "utf-8")
    records = list(parse_document(path, "raw/mixed.jsonl"))
    assert len(records) == 12 and all(isinstance(one, Record) for one in records)


def test_list_of_chats_within_an_object(tmp_path: Path) -> None:
    chats = [{"messages": [USER, ASSISTANT]}, {"messages": [USER]}, {"messages": [USER, ASSISTANT]}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": 1, "data": chats}))
    kinds = [type(one) for one in parse_document(path, "raw/a.json")]
    assert kinds == [Record, SetAside, Record]


def test_preferences_and_votes_as_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('Prompt,Chosen,Rejected\nq,"good, kind",bad\nq2,only\n')
    pair, short = parse_document(path, "raw/a.csv")
    assert isinstance(pair, Record) and isinstance(short, SetAside)
    assert (said(pair), pair.rejected) == ("u:q a:good, kind", "bad")
    assert (short.reason, short.content) == ("missing_rejected", "q2,only")
    path = tmp_path / "a.tsv"
    path.write_text("prompt\tcompletion\tlabel\nq\ta\tTRUE\nq\tb\tfalse\nq\tc\t\n")
    votes = [one for one in parse_document(path, "raw/a.tsv") if isinstance(one, Record)]
    assert [vote.rating for vote in votes] == [1, -1, 0]


def test_other_keys_of_a_question_are_kept_as_they_are(tmp_path: Path) -> None:
    value = {"Question": "q", "Input": 1, "input": 2, "answer": ""}
    parsed = parse(tmp_path, value)
    assert isinstance(parsed, SetAside)
    assert parsed.content == {"question": "q", "Input": 1, "input": 2, "answer": ""}


def test_chat_in_the_cells_of_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,messages\n1,"[]"\n')
    (parsed,) = parse_document(path, "raw/a.csv")
    assert isinstance(parsed, SetAside) and parsed.reason == "unknown_columns"
    assert "save it as JSON Lines" in parsed.detail


TURNS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "tool", ""]) | st.none(),
        "from": st.sampled_from(["human", "gpt", "system", "x"]),
        "content": st.text("あa \ud800", max_size=3) | st.none() | st.lists(st.none(), max_size=1),
        "value": st.text("あa", max_size=3) | st.integers(),
        "tool_calls": st.none() | st.just([{}]),
        "weight": st.sampled_from([0, 1, "1", None]),
    },
)
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("あa", max_size=3)
    | st.lists(TURNS | st.text(max_size=1) | st.lists(st.text("a", max_size=1)), max_size=4)
    | st.just([USER, ASSISTANT])
    | TURNS
)
KEYS = (
    *("messages", "conversations", "system", "tools", "instruction", "input", "output", "history"),
    *("prompt", "completion", "label", "chosen", "rejected", "question", "answer", "other"),
    *("preferred_output", "non_preferred_output"),
)
OBJECTS = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANYTHING))


@given(value=OBJECTS)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_there_is_learnt_or_told_and_costs_the_others_nothing(
    tmp_path: Path, value: Any
) -> None:
    parsed = parse(tmp_path, value)
    if isinstance(parsed, SetAside):
        assert parsed.reason and parsed.detail.startswith("line 2: ")
    else:
        assert parsed.questions[0].strip() and parsed.answer.strip()
        roles = [message["role"] for message in parsed.context if message["role"] != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


@given(pairs=st.lists(st.tuples(*[st.text("あa1", min_size=1, max_size=5)] * 2), min_size=1))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_chat_is_the_same_in_either_shape(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    messages, conversations = [], []
    for question, answer in pairs:
        messages += [{"role": "user", "content": question}]
        messages += [{"role": "assistant", "content": answer}]
        conversations += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    chat = parse(tmp_path, {"messages": messages})
    sharegpt = parse(tmp_path, {"conversations": conversations})
    assert isinstance(chat, Record) and chat == sharegpt
    expected = " ".join(f"{one['role'][0]}:{one['content']}" for one in messages)
    assert said(chat) == expected
