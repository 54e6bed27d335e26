"""The tokenizer: any text comes back as it was, and a template that keeps roles apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from meguru.chat import FOLD_WIDTHS, QUESTION_READING, ChatEncoder
from training.tokenizer import train_tokenizer

TEXTS = ["有給休暇の申請期限はいつですか", "When is annual leave due?", "毎月10日までです。"] * 4
TOKENIZER = train_tokenizer(TEXTS, 400)


@given(st.text())
@example("10⁶ Ω ½ ＡＢＣ ｶﾅ 👨‍👩‍👧 \n\tdef f():\r\n")
@example("a<|end|>b ＜｜ｅｎｄ｜＞")
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert TOKENIZER.decode(ChatEncoder(TOKENIZER).encode_text(text)) == text


def test_questions_are_read_in_any_width() -> None:
    half, full = (
        ChatEncoder(TOKENIZER).encode_prompt([{"role": "user", "content": text}])
        for text in ("ABC123 カナ?", "ＡＢＣ１２３ ｶﾅ？")
    )
    assert half == full


def test_learning_is_deterministic() -> None:
    again = train_tokenizer(TEXTS, 400)
    assert again.backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()


def test_chat_template_survives_saving(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path, local_files_only=True)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " 締切は? "},
    ]
    assert loaded.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<|system|>Be brief.<|end|><|user|>締切は?<|end|><|assistant|>"
    )
    assert loaded.eos_token == "<|end|>"
    assert loaded.init_kwargs[QUESTION_READING] == FOLD_WIDTHS


def test_unknown_role_is_refused() -> None:
    with pytest.raises(Exception, match="unknown role: tool"):
        TOKENIZER.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)
