"""Contents are found in a rendered conversation where the template wrote them, or not at all."""

from __future__ import annotations

import pytest

from meguru.chat_places import marked, places

MESSAGES = [{"role": "user", "content": " a "}, {"role": "assistant", "content": "a\n"}]
CONTENTS = [one["content"] for one in MESSAGES]


def rendered(contents: list[str], form: str = "<{}>") -> str:
    return "^" + "".join(map(form.format, contents)) + "$"


def marks(form: str = "<{}>") -> str:
    return rendered([one["content"] for one in marked(MESSAGES)], form)


@pytest.mark.parametrize("change", [str, str.strip, str.lstrip, str.rstrip])
def test_each_content_is_found_with_the_space_that_was_kept(change: type[str]) -> None:
    written = [change(one) for one in CONTENTS]
    text = rendered(written)
    found = places(text, marks(), CONTENTS)
    assert found is not None
    assert [text[start:end] for start, end in found] == written
    assert found[0][0] == 2


@pytest.mark.parametrize(
    ("text", "marks_of"),
    [
        (rendered(["A", "a"]), marks()),
        (rendered(CONTENTS) + "$", marks()),
        (rendered(CONTENTS), "x" + marks()),
        (rendered(CONTENTS, "<{0}{0}>"), marks("<{0}{0}>")),
        (rendered(CONTENTS[::-1]), rendered([one["content"] for one in marked(MESSAGES)][::-1])),
        ("^$", "^$"),
    ],
)
def test_what_is_written_otherwise_is_not_found(text: str, marks_of: str) -> None:
    assert places(text, marks_of, CONTENTS) is None
