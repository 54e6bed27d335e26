"""The causal LM objective: what counts in the loss, and what may be left out of a question."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from meguru.limits import Refused, TooLong
from training.model import make_model
from training.objectives.causal_lm import IGNORED, CausalLM
from training.tokenizer import train_tokenizer

ROWS = [
    Row.of_question("1", "締切はいつですか", "10日です", "g1", "ja", "train", 1),
    Row.of_question("2", "Who is it?", "Ask Mori in Finance, please.", "g2", "en", "train", 4),
]
TOKENIZER = train_tokenizer([text for row in ROWS for text in (row.question, row.answer)], 330)


def settings(**values: float) -> Hyperparameters:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    return Hyperparameters(**{**sizes, "num_hidden_layers": 1, **values})  # type: ignore[arg-type]


def test_only_answers_and_their_end_count() -> None:
    objective = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0, context_ratio=0))
    batch = objective.batch([0, 1], torch.Generator())
    for row, labels in zip(ROWS, batch["labels"], strict=True):
        assert TOKENIZER.decode(labels[labels != IGNORED]) == row.answer + "<|end|>"
    assert objective.weights == [1, 4]


@pytest.mark.parametrize(
    "answer",
    [
        "It ends with <|end|> and <|user|> comes next.",
        "＜｜ｅｎｄ｜＞",
        "    return 10⁶ Ω\n",
        "👨‍👩‍👧 ｶﾅ",
    ],
)
def test_an_answer_is_learnt_as_it_is_written(answer: str) -> None:
    row = Row.of_question("3", "What ends a turn? <|end|>", answer, "g3", "en", "train", 1)
    objective = CausalLM([row], TOKENIZER, settings(question_dropout=0, context_ratio=0))
    batch = objective.batch([0], torch.Generator())
    learnt = batch["labels"][0][batch["labels"][0] != IGNORED].tolist()
    assert TOKENIZER.decode(learnt) == answer + "<|end|>"
    assert learnt.count(TOKENIZER.eos_token_id) == 1
    assert batch["input_ids"][0].tolist().count(TOKENIZER.eos_token_id) == 2


def test_words_are_left_out_of_questions_only() -> None:
    objective = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0.9, context_ratio=0))
    whole = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0, context_ratio=0))
    longest = whole.batch([0], torch.Generator())["input_ids"].shape[1]
    lengths = set()
    for seed in range(20):
        batch = objective.batch([0], torch.Generator().manual_seed(seed))
        answer = batch["labels"][0][batch["labels"][0] != IGNORED]
        assert TOKENIZER.decode(answer) == ROWS[0].answer + "<|end|>"
        text = str(TOKENIZER.decode(batch["input_ids"][0]))
        assert text.startswith("<|user|>") and "<|end|><|assistant|>" in text
        lengths.add(batch["input_ids"].shape[1])
    assert max(lengths) == longest, "some examples stay whole"
    assert min(lengths) < longest


def test_loss_does_not_depend_on_padding_or_neighbours() -> None:
    objective = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0, dropout=0, context_ratio=0))
    torch.manual_seed(0)
    model = make_model(TOKENIZER, settings()).train(False)
    alone = [objective.loss(model, objective.batch([i], torch.Generator())) for i in (0, 1)]
    together = objective.loss(model, objective.batch([0, 1], torch.Generator()))
    assert together.item() == pytest.approx((alone[0] + alone[1]).item() / 2, rel=1e-5)


def test_record_beyond_the_context_is_set_aside_by_name() -> None:
    long = Row.of_question(
        "3", "Who?", "Mori, " * 30, "g3", "en", "train", 9, source_uri="raw/long.jsonl"
    )
    narrow = settings(max_position_embeddings=40)
    objective = CausalLM([ROWS[0], long, ROWS[1]], TOKENIZER, narrow)
    (set_aside,) = objective.set_aside
    assert (set_aside.record_id, set_aside.source_uri) == ("3", "raw/long.jsonl")
    assert isinstance(set_aside, TooLong)
    assert set_aside.num_tokens > set_aside.limit == 40
    assert objective.weights == [1, 4]
    labels = objective.batch([1], torch.Generator())["labels"]
    assert TOKENIZER.decode(labels[labels != IGNORED]) == ROWS[1].answer + "<|end|>"


def test_nothing_that_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="no record of the dataset fits max_position_embedd"):
        CausalLM(ROWS, TOKENIZER, settings(max_position_embeddings=4))


TURNS = [
    {"role": "user", "content": "q0"},
    {"role": "assistant", "content": "a0"},
    {"role": "user", "content": "q1"},
    {"role": "assistant", "content": "a1"},
]


def follow_up(*context: dict[str, str]) -> Row:
    return ROWS[0].after(context)


def text_of(objective: CausalLM, seed: int = 0) -> str:
    batch = objective.batch([0], torch.Generator().manual_seed(seed))
    return str(TOKENIZER.decode(batch["input_ids"][0]))


def test_turns_before_a_question_come_before_it_and_no_others() -> None:
    asked = f"<|user|>{ROWS[0].question}<|end|><|assistant|>{ROWS[0].answer}<|end|>"
    turns = "<|user|>q0<|end|><|assistant|>a0<|end|><|user|>q1<|end|><|assistant|>a1<|end|>"
    for ratio in (0, 1):
        values = settings(question_dropout=0, context_ratio=ratio)
        objective = CausalLM([follow_up(*TURNS)], TOKENIZER, values)
        assert text_of(objective) == turns + asked
        labels = objective.batch([0], torch.Generator())["labels"][0]
        assert TOKENIZER.decode(labels[labels != IGNORED]) == ROWS[0].answer + "<|end|>"
        assert objective.num_contexts_cut == 0


def test_oldest_turns_are_cut_where_a_conversation_is_too_long() -> None:
    system = {"role": "system", "content": "s"}
    row = follow_up(system, *TURNS)
    values = settings(question_dropout=0, context_ratio=0)
    length = len(TOKENIZER(text_of(CausalLM([row], TOKENIZER, values)))["input_ids"])
    narrow = settings(question_dropout=0, context_ratio=0, max_position_embeddings=length - 1)
    objective = CausalLM([row], TOKENIZER, narrow)
    assert text_of(objective).startswith("<|system|>s<|end|><|user|>q1<|end|><|assistant|>a1<|end|")
    assert (objective.num_contexts_cut, list(objective.set_aside)) == (1, [])


def test_context_comes_before_the_question_and_never_counts() -> None:
    objective = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0, context_ratio=1))
    starts = set()
    for seed in range(20):
        batch = objective.batch([0], torch.Generator().manual_seed(seed))
        text = str(TOKENIZER.decode(batch["input_ids"][0]))
        starts.add(text.split("|>")[0])
        assert text.endswith(
            f"<|user|>{ROWS[0].question}<|end|><|assistant|>{ROWS[0].answer}<|end|>"
        )
        answer = batch["labels"][0][batch["labels"][0] != IGNORED]
        assert TOKENIZER.decode(answer) == ROWS[0].answer + "<|end|>"
    assert starts == {"<|system", "<|user"}


def test_context_that_does_not_fit_is_left_out() -> None:
    whole = CausalLM(ROWS, TOKENIZER, settings(question_dropout=0, context_ratio=0))
    length = whole.batch([1], torch.Generator())["input_ids"].shape[1]
    narrow = settings(question_dropout=0, context_ratio=1, max_position_embeddings=length)
    batch = CausalLM(ROWS, TOKENIZER, narrow).batch([1], torch.Generator())
    assert batch["input_ids"].shape[1] == length


CHAT = Row(
    "4",
    (
        {"role": "user", "content": "Who is it?"},
        {"role": "assistant", "content": "Ask Mori in Finance, please."},
        {"role": "user", "content": "締切はいつですか"},
        {"role": "assistant", "content": "10日です"},
    ),
    "g4",
    "en",
    "train",
    train_turns="all",
)


@pytest.mark.parametrize("question_dropout", [0, 0.9])
def test_every_answer_of_a_conversation_is_learnt_whole(question_dropout: float) -> None:
    objective = CausalLM(
        [CHAT], TOKENIZER, settings(question_dropout=question_dropout, context_ratio=0.5)
    )
    for seed in range(9):
        labels = objective.batch([0], torch.Generator().manual_seed(seed))["labels"][0]
        expected = "Ask Mori in Finance, please.<|end|>10日です<|end|>"
        assert TOKENIZER.decode(labels[labels != IGNORED]) == expected


def test_an_answer_that_was_found_bad_is_not_learnt() -> None:
    rows = [*ROWS, dataclasses.replace(CHAT, rating=-1), dataclasses.replace(CHAT, rating=1)]
    assert len(CausalLM(rows, TOKENIZER, settings()).weights) == 3
    with pytest.raises(ValueError, match="no record of the dataset has an answer"):
        CausalLM([dataclasses.replace(CHAT, rating=-1)], TOKENIZER, settings())


def test_what_a_template_refuses_is_set_aside_by_name() -> None:
    odd = dataclasses.replace(
        ROWS[0], messages=({"role": "tool", "content": "4"}, *ROWS[0].messages)
    )
    objective = CausalLM([odd, ROWS[1]], TOKENIZER, settings())
    (refused,) = objective.set_aside
    assert refused == Refused(
        "1", "", "the chat template refuses the conversation: unknown role: tool"
    )
    with pytest.raises(ValueError, match=r"can be learnt; of 1: the chat template .* role: tool"):
        CausalLM([odd], TOKENIZER, settings())
