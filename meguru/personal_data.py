"""Personal data that can be told by its form: found, and replaced by the name of its kind.

E-mail addresses, telephone numbers, payment cards, Japan's My Number, addresses with a block
number. Names of persons have no form: nothing here finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from meguru import english_address, japanese_address
from meguru.folded_text import FoldedText

Span = tuple[int, int]

EMAIL = "email"

# Between the groups of a number. The long vowel's sign is what a kana keyboard has for a dash.
_GAP = r"[-ー.]|\s?[()]\s?|\s"
_DASH_OR_SPACE = "[-ー ]"

_LOCAL = r"[A-Za-z0-9._%+'\-]"
_AT = r"(?:@|\s?[\[(]at[\])]\s?)"
_DOT = r"(?:\.|\s?[\[(]dot[\])]\s?)"
# A run of letters is looked at from its beginning only: the time grows with the text alone.
_EMAIL = re.compile(
    rf"(?<!{_LOCAL}){_LOCAL}++{_AT}(?:[A-Za-z0-9-]{{1,63}}{_DOT}){{1,10}}[A-Za-z]{{2,24}}", re.I
)

# Groups of digits that one separator each joins.
_DIGIT_GROUPS = re.compile(rf"(?<!\d)\d++(?:{_DASH_OR_SPACE}\d++)*+")
_GROUP = re.compile(r"\d+")
# By brand: how its numbers begin, and how many digits they have.
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}"  # Discover
    r"|62\d{14,17}"  # UnionPay
)
_FIRST_OF_CARDS = "23456"
_MIN_CARD_DIGITS, _MAX_CARD_DIGITS = 13, 19

_MY_NUMBER = re.compile(
    rf"(?<![\d-])\d{{4}}(?P<gap>{_DASH_OR_SPACE}?)\d{{4}}(?P=gap)\d{{4}}(?!\d|-\d)"
)
_MY_NUMBER_WORDS = re.compile(
    r"(?:マイ・?ナンバー|個人番号|my\s?number|individual number)[^\d]{0,20}$", re.I
)
_MY_NUMBER_CONTEXT = 40

_JAPANESE_PHONE = re.compile(
    # Mobile and IP telephones, with or without gaps.
    rf"(?<![\d-])(?:0[5-9]0(?:{_GAP})?\d{{4}}(?:{_GAP})?\d{{4}}"
    # Free of charge, 0120 and 0800 among them.
    rf"|0(?:120|570)(?:{_GAP})\d{{2,3}}(?:{_GAP})\d{{3,4}}"
    rf"|0800(?:{_GAP})?\d{{3}}(?:{_GAP})?\d{{4}}"
    # The rest has ten digits; without gaps it is told by what stands before it.
    rf"|\(?0[1-9]\d{{0,3}}(?:{_GAP})\d{{1,4}}(?:{_GAP})\d{{4}}"
    r"|0[1-9]\d{8})(?!\d|-\d)"
)
_INTERNATIONAL_PHONE = re.compile(
    r"(?<![\d+])(?:\+\d{1,3}|\(\+\d{1,3}\))[- .]?(?:\(0?\d{0,4}\)[- .]?)?\d{1,4}"
    r"(?:[- .]?\d{2,4}){2,3}(?!\d)"
    # North America.
    r"|(?<![\d-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])\d{3}[-.]\d{4}(?!\d|-\d)"
)
_JAPANESE_DIGITS = (10, 11)
_INTERNATIONAL_DIGITS = range(8, 16)
_TEN_DIGITS = re.compile(r"0\d{9}")
# A number that begins with a zero and has no gaps may be that of anything.
_OTHER_NUMBERS = re.compile(
    r"(?:注文|伝票|会員|社員|商品|管理|受付|追跡|契約|口座|製造|部品|order|invoice|item|serial|"
    r"tracking|account|part|id|no\.?)[^\d]{0,12}$",
    re.I,
)
_NUMBER_CONTEXT = 24


@dataclass(frozen=True)
class Found:
    """Personal data of a kind, at `[start, end)` of the text."""

    kind: str
    start: int
    end: int


def find(text: str, kinds: Collection[str] | None = None) -> list[Found]:
    """What is found, in order, none within another; of all kinds where none are named."""
    copy = FoldedText(text)
    has_digits = any(map(copy.folded.__contains__, "0123456789一二三四五六七八九"))
    taken: list[Found] = []
    for kind, search in _SEARCHES.items():
        if (kinds is None or kind in kinds) and (has_digits or kind == EMAIL):
            for span in search(copy.folded):
                found = Found(kind, *copy.span(*span))
                # What is a card's number is no telephone's.
                if not any(one.start < found.end and found.start < one.end for one in taken):
                    taken.append(found)
    return sorted(taken, key=lambda found: found.start)


def redact(text: str, kinds: Collection[str] | None = None) -> str:
    """The text with `[email]`, `[phone]` and so on in the places of what is found."""
    parts, end = [], 0
    for found in find(text, kinds):
        parts += [text[end : found.start], f"[{found.kind}]"]
        end = found.end
    return "".join([*parts, text[end:]])


def _emails(text: str) -> Iterator[Span]:
    return (match.span() for match in _EMAIL.finditer(text))


def _cards(text: str) -> Iterator[Span]:
    for run in _DIGIT_GROUPS.finditer(text):
        if len(run[0]) < _MIN_CARD_DIGITS:
            continue
        groups = [
            (run.start() + group.start(), run.start() + group.end())
            for group in _GROUP.finditer(run[0])
        ]
        first = 0
        while first < len(groups):
            num_groups = _groups_of_card(text, groups[first : first + _MAX_CARD_DIGITS])
            if num_groups:
                yield groups[first][0], groups[first + num_groups - 1][1]
            first += num_groups or 1


def _groups_of_card(text: str, groups: list[Span]) -> int:
    """How many of the groups, from the first, are the number of a card; 0 where they are none."""
    digits, found = "", 0
    if text[groups[0][0]] not in _FIRST_OF_CARDS:
        return 0
    for number, (start, end) in enumerate(groups, start=1):
        digits += text[start:end]
        if len(digits) > _MAX_CARD_DIGITS:
            break
        if _CARDS.fullmatch(digits) and _passes_luhn(digits):
            found = number
    return found


def _passes_luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    doubled = "".join(str(int(one) * 2) for one in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(map(int, doubled))) % 10 == 0


def _my_numbers(text: str) -> Iterator[Span]:
    for match in _MY_NUMBER.finditer(text):
        before = text[max(0, match.start() - _MY_NUMBER_CONTEXT) : match.start()]
        digits = "".join(_GROUP.findall(match[0]))
        # One number of ten passes by chance: alone and in one piece it may be any.
        if _MY_NUMBER_WORDS.search(before) or (match["gap"] and _passes_my_number(digits)):
            yield match.span()


def _passes_my_number(digits: str) -> bool:
    """Source: ordinance 85 of 2014 of the Ministry of Internal Affairs, article 5."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(one) * weight for one, weight in zip(digits, weights, strict=False)) % 11
    return int(digits[-1]) == (0 if rest <= 1 else 11 - rest)


def _phones(text: str) -> Iterator[Span]:
    for match in _JAPANESE_PHONE.finditer(text):
        is_bare = _TEN_DIGITS.fullmatch(match[0])
        before = text[max(0, match.start() - _NUMBER_CONTEXT) : match.start()]
        if _num_digits(match[0]) in _JAPANESE_DIGITS and not (
            is_bare and _OTHER_NUMBERS.search(before)
        ):
            yield match.span()
    for match in _INTERNATIONAL_PHONE.finditer(text):
        if _num_digits(match[0]) in _INTERNATIONAL_DIGITS:
            yield match.span()


def _num_digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _addresses(text: str) -> Iterator[Span]:
    yield from japanese_address.find_addresses(text)
    yield from english_address.find_addresses(text)


# In this order: what was found first is not taken for something else.
_SEARCHES: dict[str, Callable[[str], Iterable[Span]]] = {
    EMAIL: _emails,
    "card": _cards,
    "my_number": _my_numbers,
    "phone": _phones,
    "address": _addresses,
}
KINDS = tuple(_SEARCHES)
