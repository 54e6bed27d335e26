"""Whether two texts say the same: they may differ in grammar and spelling, not in content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from itertools import takewhile

from curation.function_words import CONTRASTS, DIRECTIONS, MEANINGFUL, SEQUENCE, SUBORDINATORS
from curation.words import Word, words_of

MAX_SLIPS = 2
# Aligning takes its time for each pair of equal words, of which the longest answer in sentences has
# some ten thousand: what says a few words over and over is one difference as a whole.
MAX_PAIRS = 50_000
MIN_LETTERS_OF_A_SLIP, MIN_KANA_OF_A_SLIP = 6, 3
_KANA = re.compile("[ぁ-ゖー]*")
_KANJI = re.compile("[\u3400-\u9fff々]")
_VOWELS = re.compile("(?<=.)[aeiouy]+")
_REPEATED = re.compile(r"(.)\1+")


class Wording:
    """A text as it is compared: its words, and those of them that are its content."""

    def __init__(self, text: str) -> None:
        self.words = words_of(text)
        self.content = [word for word in self.words if word.role == "content"]
        self.forms = [word.form for word in self.content]
        self.contrasts = [word.form for word in self.words if word.form in CONTRASTS]
        self.links = [word.form for word in self.words if word.role == "link"]

    @cached_property
    def arranged(self) -> list[list[tuple[str, ...]]]:
        """The content of each sentence, the same for every order that makes no difference."""
        sentences = [_arranged(sentence) for sentence in _sentences(self.words)]
        return sentences if SEQUENCE.intersection(self.forms) else sorted(sentences)

    @cached_property
    def content_key(self) -> tuple[str, ...]:
        """What texts that say the same have in common, whatever their order and slips."""
        return tuple(sorted(_without_slips(word) for word in self.content))

    @cached_property
    def subject_key(self) -> tuple[str, ...]:
        """The content that is no verb: what a question is about."""
        return tuple(sorted(word.form for word in self.content if not word.is_verbal))

    @cached_property
    def written(self) -> tuple[str, ...]:
        """The content that isn't in hiragana, which texts with a slip in that have in common."""
        return tuple(word.form for word in self.content if not _KANA.fullmatch(word.surface))


def say_the_same(left: Wording, right: Wording) -> bool:
    """Whether the two differ in grammar, politeness, spelling or a slip of the pen alone."""
    if not (left.content and right.content):
        return False
    if _alike_in_order(left.content, right.content):
        return not (_swapped(left.links, right.links) or _replaced(left.contrasts, right.contrasts))
    if left.content_key == right.content_key:
        return left.arranged == right.arranged
    return left.written == right.written and _differ_in_slips(left.words, right.words)


def ask_the_same(left: Wording, right: Wording) -> bool:
    """Whether two questions of one and the same answer ask the same.

    The words may come in another order, a verb may be another of one kanji (出す, 提出).
    """
    if sorted(left.forms) == sorted(right.forms):
        return not DIRECTIONS.intersection(left.forms)
    return all(_alike_verbs(*span) for span in _differences(left.content, right.content))


def _sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        if word.role != "end":
            sentence.append(word)
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _arranged(sentence: Sequence[Word]) -> list[tuple[str, ...]]:
    """The sentence in parts, sorted where their order can make no difference."""
    num_subordinators = sum(word.form in SUBORDINATORS for word in sentence)
    if num_subordinators:
        return _clauses(sentence) if num_subordinators == 1 else [_forms(sentence)]
    parts, links = _phrases(sentence)
    # Two phrases with the same particle may be what two predicates are about.
    return sorted(parts) if len(set(links)) == len(links) else parts


def _clauses(sentence: Sequence[Word]) -> list[tuple[str, ...]]:
    """The main clause and the subordinate one, which stands before, after or within it."""
    start = next(at for at, word in enumerate(sentence) if word.form in SUBORDINATORS)
    pauses = (at for at, word in enumerate(sentence) if at > start and word.role == "pause")
    end = next(pauses, len(sentence))
    return [_forms([*sentence[:start], *sentence[end:]]), _forms(sentence[start:end])]


def _phrases(sentence: Sequence[Word]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The phrases of a Japanese sentence, each up to its particle, and these particles."""
    parts: list[tuple[str, ...]] = []
    links: list[tuple[str, ...]] = []
    phrase: list[Word] = []
    # The particles of a polite ending (してください) part nothing.
    end = max((at for at, word in enumerate(sentence) if word.role == "content"), default=-1) + 1
    for word in sentence[:end]:
        if word.role != "link":
            phrase.append(word)
            continue
        # までに is another particle than に.
        last = [one.form for one in phrase[-1:] if one.form in MEANINGFUL]
        links.append((*last, word.form))
        parts.append((*_forms(phrase), word.form))
        phrase = []
    return [*parts, _forms(phrase)], links


def _forms(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(word.form for word in words if word.role == "content")


def _alike_in_order(left: Sequence[Word], right: Sequence[Word]) -> bool:
    return len(left) == len(right) and all(map(_alike, left, right))


def _swapped(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the particles say that who does what to whom has changed places."""
    return left != right and sorted(left) == sorted(right)


def _replaced(left: Sequence[str], right: Sequence[str]) -> bool:
    return left != right and len(left) == len(right)


def _alike(left: Word, right: Word) -> bool:
    if left.form == right.form:
        return True
    return _without_slips(left) == _without_slips(right) and _one_slip(left.surface, right.surface)


def _without_slips(word: Word) -> str:
    """A long word in small letters without its vowels and doubles, which are often mistaken."""
    surface = word.surface
    is_name_or_short = not surface.islower() or len(surface) < MIN_LETTERS_OF_A_SLIP
    if is_name_or_short or not (surface.isascii() and surface.isalpha()):
        return word.form
    return _REPEATED.sub(r"\1", _VOWELS.sub("", word.form))


def _one_slip(left: str, right: str) -> bool:
    """Whether one character is missing, too much, another, or changed places with its neighbour."""
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return max(len(left), len(right)) <= 1 or (len(left) == 2 and left == right[::-1])


def _differ_in_slips(left: Sequence[Word], right: Sequence[Word]) -> bool:
    spans = [
        span
        for span in _differences(left, right)
        if any(word.role == "content" for side in span for word in side)
    ]
    return len(spans) <= MAX_SLIPS and all(_is_slip_of_kana(*span) for span in spans)


def _differences(
    left: Sequence[Word], right: Sequence[Word]
) -> Iterator[tuple[Sequence[Word], Sequence[Word]]]:
    forms = [[word.form for word in words] for words in (left, right)]
    # Long texts of one template are alike up to a word, and aligning them takes its time.
    first = _num_equal(*forms)
    last = _num_equal(*(reversed(side[first:]) for side in forms))
    left, right = (words[first : len(words) - last] for words in (left, right))
    forms = [side[first : len(side) - last] for side in forms]
    if _num_pairs(*forms) > MAX_PAIRS:
        yield left, right
        return
    matcher = SequenceMatcher(None, forms[0], forms[1], autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind != "equal":
            yield left[start:end], right[other_start:other_end]


def _num_pairs(left: Sequence[str], right: Sequence[str]) -> int:
    """How many pairs of a word of one and the same word of the other there are."""
    others = Counter(right)
    return sum(count * others[form] for form, count in Counter(left).items())


def _num_equal(left: Iterable[str], right: Iterable[str]) -> int:
    """How many texts are the same at the beginning of both."""
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_slip_of_kana(left: Sequence[Word], right: Sequence[Word]) -> bool:
    """A slip within an ending or particle: one side is nothing but grammar, in hiragana."""
    sides = ["".join(word.surface for word in side) for side in (left, right)]
    return (
        any(all(word.role in ("grammar", "link") for word in side) for side in (left, right))
        and min(map(len, sides)) >= MIN_KANA_OF_A_SLIP
        and all(_KANA.fullmatch(side) for side in sides)
        and _one_slip(*sides)
    )


def _alike_verbs(left: Sequence[Word], right: Sequence[Word]) -> bool:
    if len(left) != 1 or len(right) != 1 or not (left[0].is_verbal and right[0].is_verbal):
        return False
    kanji = [set(_KANJI.findall(word.form)) for word in (left[0], right[0])]
    # 出す and 提出する are one act; 入社する and 退社する are not.
    return min(map(len, kanji)) == 1 and bool(kanji[0] & kanji[1])
