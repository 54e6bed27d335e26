"""The tokenizer: nothing unknown, NFKC, a template that keeps roles apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from training.tokenizer import SPECIAL_TOKENS, train_tokenizer

TEXTS = ["有給休暇の申請期限はいつですか", "When is annual leave due?", "毎月10日までです。"] * 4
TOKENIZER = train_tokenizer(TEXTS, 400)


def text_of(token_ids: list[int]) -> str:
    return str(TOKENIZER.decode(token_ids))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_in_nfkc(text: str) -> None:
    import unicodedata

    normalised = unicodedata.normalize("NFKC", text)
    token_ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    if not any(token in normalised for token in SPECIAL_TOKENS):
        assert text_of(token_ids) == normalised


def test_widths_make_no_difference() -> None:
    half, full = (TOKENIZER(text)["input_ids"] for text in ("ABC123 カナ", "ＡＢＣ１２３ ｶﾅ"))
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


def test_unknown_role_is_refused() -> None:
    with pytest.raises(Exception, match="unknown role: tool"):
        TOKENIZER.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)
