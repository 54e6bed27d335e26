"""What a question is about: as its caller says, or else by its form."""

from __future__ import annotations

import re
import unicodedata

from meguru.json_request import wrong

MAX_TOPIC_CHARACTERS = 40
# By its form: program code, Japanese, anything else.
CODE, JAPANESE, OTHER = "code", "japanese", "other"
TOPICS = (CODE, JAPANESE, OTHER)
_WORDS = re.compile(r"\w[\w .+#&・ー-]*")
# Hiragana, katakana, and the ideographs that Chinese has too.
_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]")


def read_topic(given: str) -> str:
    """A topic in one notation, so that 経費 is counted once however it is typed.

    ApiError (400) for what can't be one.
    """
    topic = " ".join(unicodedata.normalize("NFKC", given).casefold().split())
    if len(topic) > MAX_TOPIC_CHARACTERS or not _WORDS.fullmatch(topic):
        wanted = f"up to {MAX_TOPIC_CHARACTERS} letters, digits, spaces and hyphens"
        raise wrong("metadata.topic", wanted, "invalid_value")
    return topic


def topic_of(question: str) -> str:
    """The topic of a question whose caller names none."""
    if "```" in question:
        return CODE
    return JAPANESE if _JAPANESE.search(question) else OTHER
