"""Japanese addresses down to the block; a town alone is nobody's address."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PREFECTURE = re.compile(
    "北海道|東京都|(?:京都|大阪)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|"
    "新潟|富山|石川|福井|山梨|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|"
    "徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県"
)
_NUMBER = "[0-9一二三四五六七八九十〇]{1,5}"
_DASH = "[-ーの]"
# What a number is followed by that counts something else.
_COUNTED = "0-9,.年月日時分秒人円個件台名歳%億万千割店社校棟冊回章条項"
# 1丁目2番3号, 1丁目2-3, 2番地の3, 北1条西2丁目.
_WORDED = (
    rf"(?:[東西南北]{_NUMBER}条(?:[東西南北]{_NUMBER}丁目)?"
    rf"|{_NUMBER}(?:丁目|番地|番町|番(?![組目])))"
    rf"\s?(?:{_NUMBER}(?:番地|番|号)?{_DASH}?\s?){{0,3}}"
)
_DASHED = rf"(?<![0-9-])[0-9]{{1,5}}(?:{_DASH}[0-9]{{1,5}}){{1,3}}(?![{_COUNTED}])"
_ALONE = rf"(?<![0-9-])[0-9]{{1,5}}号?(?![{_COUNTED}-])"
_BLOCK = re.compile(rf"(?P<worded>{_WORDED})|(?P<dashed>{_DASHED})|(?P<alone>{_ALONE})")
# A house, and where in it: part of the address where a number of it follows.
_HOUSE = re.compile(r"\s?[^\s、。,()0-9]{1,20}[0-9]{1,4}(?:号室|号|階|F\b)")
_POSTAL_BEFORE = re.compile(r"[\s,、]{0,3}[0-9]{4}-?[0-9]{3}(?:\s?〒|[:は]?\s?号番便郵)?")
# A marked postal code tells the town by itself.
_POSTAL = re.compile(r"(?:〒\s?|郵便番号[:は]?\s?)[0-9]{3}-?[0-9]{4}(?![0-9])")

# The place that stands before a block is read backwards, and no further back than this.
_MAX_PLACE = 45
_PLACE_BEFORE = re.compile("[一-龥々ヶケノツぁ-んァ-ヴー\u3099 0-9]{1,45}")
_UNITS = frozenset("都道府県市区町村郡")
# Before a number these are no town's last kana: 「市に3-4人」.
_PARTICLES = tuple("はがをにでともへや")
_MUNICIPALITY = re.compile(
    "(?:[一-龥々ヶケノツァ-ヴー]{1,7}|[ぁ-ん\u3099]{2,6})(?<![市区町村])[市区町村郡](?![市区町村別内外長民役立])"
)


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand in a folded text."""
    end = 0
    for block in _BLOCK.finditer(text):
        start = _place_start(text[max(end, block.start() - _MAX_PLACE) : block.start()], block)
        if start is not None and block.start() >= end:
            start = _with_postal_code(text, block.start() - start)
            house = _HOUSE.match(text, block.end())
            end = house.end() if house else block.end()
            yield start, end
    yield from (match.span() for match in _POSTAL.finditer(text))


def _place_start(before: str, block: re.Match[str]) -> int | None:
    """How far before a block's number its place begins; None where there is none."""
    backwards = _PLACE_BEFORE.match(before[::-1])
    if backwards is None or not _UNITS.intersection(backwards[0]):
        return None
    place = backwards[0][::-1]
    if place.rstrip().endswith(_PARTICLES):
        return None
    found = _PREFECTURE.search(place)
    # A number right after a prefecture is no block of it: 北海道5日間.
    if found and not place[found.end() :].strip():
        return None
    if found is None and block["alone"] is None:
        found = _MUNICIPALITY.search(place)
    return len(place) - found.start() if found else None


def _with_postal_code(text: str, start: int) -> int:
    code = _POSTAL_BEFORE.match(text[max(0, start - 20) : start][::-1])
    return start - code.end() if code else start
