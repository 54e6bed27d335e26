"""Decoding a piece at a time: whole characters, and stop strings that never show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_containers.text.text_decoder import TextDecoder


class Bytes:
    """A tokenizer whose tokens are single bytes: the worst case for split characters."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str:
        return bytes(token_ids).decode("utf-8", errors="replace")


def pieces(text: str, stops: list[str]) -> list[str]:
    decoder = TextDecoder(Bytes(), stops)
    made = []
    for token_id in text.encode():
        made.append(decoder.add(token_id))
        if decoder.stopped:
            return made
    return [*made, decoder.finish()]


@given(st.text(alphabet="aあ漢🗾é\n"))
def test_characters_are_never_split(text: str) -> None:
    made = pieces(text, [])
    assert "".join(made) == text
    assert not any("\ufffd" in piece for piece in made)


def test_half_a_character_at_the_end_is_dropped() -> None:
    decoder = TextDecoder(Bytes(), [])
    made = [decoder.add(token_id) for token_id in "答え".encode()[:-1]]
    assert "".join([*made, decoder.finish()]) == "答"


@given(st.text(alphabet="ab。", max_size=12), st.lists(st.text("ab。", min_size=1), max_size=3))
def test_text_ends_before_the_first_stop(text: str, stops: list[str]) -> None:
    # What a caller may see: up to the stop string that is complete first.
    ends = {text.find(stop) + len(stop): stop for stop in stops if stop in text}
    expected = text
    if ends:
        seen = text[: min(ends)]
        expected = seen[: min(seen.find(stop) for stop in stops if stop in seen)]
    assert "".join(pieces(text, stops)) == expected


def test_what_looked_like_a_stop_is_released() -> None:
    assert "".join(pieces("終わりではない", ["終わりです"])) == "終わりではない"
