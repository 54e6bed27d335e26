"""Personal data is found in every width and grouping, and what only looks like it is left."""

from __future__ import annotations

import random
import time

import pytest

from meguru.personal_data import KINDS, find, redact

NARROW = "0123456789-@.abcdefghijklmnopqrstuvwxyz"
# The full-width forms of ASCII stand in its order.
FULL_WIDTH = {ord(one): ord(one) + 0xFEE0 for one in NARROW}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("連絡はtaro.yamada@example.co.jpまで", "連絡は[email]まで"),
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｃｏｍへ", "[email]へ"),
        ("taro (at) example (dot) com", "[email]"),
        ("A: a@b.jp。B: c+d@e-f.example。", "A: [email]。B: [email]。"),
        ("090-1234-5678です", "[phone]です"),
        ("０９０ー１２３４ー５６７８", "[phone]"),
        ("09012345678", "[phone]"),
        ("090\u200b1234\u200b5678", "[phone]"),
        ("0️⃣9️⃣0️⃣1234 5678", "[phone]"),
        ("電話03(1234)5678、(06)1234-5678", "電話[phone]、[phone]"),
        ("0120-123-456", "[phone]"),
        ("代表0312345678", "代表[phone]"),
        ("+81 90-1234-5678 / +1 (555) 123-4567", "[phone] / [phone]"),
        ("(415) 555-0132", "[phone]"),
        ("カード 4111 1111 1111 1111 123", "カード [card] 123"),
        ("４１１１－１１１１－１１１１－１１１１", "[card]"),
        ("378282246310005, 3530111333300000", "[card], [card]"),
        ("マイナンバーは１２３４ ５６７８ ９０１８", "マイナンバーは[my_number]"),
        ("個人番号:123456789018", "個人番号:[my_number]"),
        ("My Number: 1234-5678-9018", "My Number: [my_number]"),
        ("東京都千代田区丸の内１丁目１番１号に送る", "[address]に送る"),
        ("〒100-0005 東京都千代田区丸の内1-1-1 丸の内ビル5階です", "[address]です"),
        ("住所は岡山市北区大供一丁目1番1号です", "住所は[address]です"),
        ("北海道札幌市中央区北1条西2丁目", "[address]"),
        ("江東区有明3-11-1、港区芝公園4-2-8", "[address]、[address]"),
        ("1-2-3 Marunouchi, Chiyoda-ku, Tokyo 100-0005", "[address]"),
        ("at 123 Main Street, Springfield, IL 62704.", "at [address]."),
    ],
)
def test_replaced_by_the_name_of_its_kind(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-27の会議、10:30から",
        "規程の第2-3章と第3条1番",
        "注文番号 0312345678、伝票 090-12",
        "ISBN 978-4-10-109205-8",
        "192.168.10.100 と 10.0.0.1",
        "1234567812345678",
        "追跡番号 123456789018 と 1234 5678 9012",
        "東京都の人口は1400万人、東京都23区、北海道5日間の旅",
        "東京都千代田区の天気",
        "横浜市に3-4人、千代田区で3-4回",
        "市区町村別の一覧 1-2-3",
        "売上は東京都港区12億円",
        "foo@bar と @name と a.b.c",
        "①②③④⑤⑥⑦⑧⑨ ㈱",
        "1,234,567,890,123円",
    ],
)
def test_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_places_are_those_of_the_text_that_was_given() -> None:
    text = "①ﾃﾚﾎﾞﾝ：０９０－１２３４－５６７８、が\u3099ぎ　a@b.jp"
    assert [(one.kind, text[one.start : one.end]) for one in find(text)] == [
        ("phone", "０９０－１２３４－５６７８"),
        ("email", "a@b.jp"),
    ]


def test_only_the_kinds_that_are_asked_for() -> None:
    text = "a@b.jp 090-1234-5678"
    assert redact(text, ["phone"]) == "a@b.jp [phone]"
    assert redact(text, []) == text
    assert set(KINDS) == {"email", "phone", "card", "my_number", "address"}


def test_every_number_is_found_however_it_is_written() -> None:
    """None of 1,000 made numbers of each kind is missed, in a sentence of either language."""
    made = random.Random(8)
    gaps = ("", "-", " ", "ー", "－", "\u2010", "\u00a0", "　")
    for _ in range(1000):
        digits = [str(made.randrange(10)) for _ in range(15)]
        gap = made.choice(gaps)
        numbers = {
            "phone": gap.join(["0" + made.choice("5789") + "0", *_groups("".join(digits[:8]))]),
            "card": gap.join(_groups(_with_luhn("4" + "".join(digits[:14])))),
            "my_number": gap.join(_groups(_with_check_digit("".join(digits[:11])))),
            "email": f"u{''.join(digits[:5])}@{made.choice(['example.com', 'a-b.co.jp'])}",
        }
        for kind, number in numbers.items():
            number = number.translate(FULL_WIDTH) if made.random() < 0.5 else number
            before, after = made.choice([("マイナンバーは", "です。"), ("My number is ", ".")])
            found = find(f"{before}{number}{after}")
            assert [one.kind for one in found] == [kind], number
            assert (found[0].start, found[0].end) == (len(before), len(before) + len(number))


def _groups(digits: str) -> list[str]:
    return [digits[start : start + 4] for start in range(0, len(digits), 4)]


def _with_luhn(digits: str) -> str:
    total = sum(int(d) if n % 2 else sum(divmod(2 * int(d), 10)) for n, d in enumerate(digits))
    return digits + str(-total % 10)


def _with_check_digit(digits: str) -> str:
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11
    return digits + str(0 if rest <= 1 else 11 - rest)


REPEATED = ("a", "1 ", "1-", "市", "東京都", "a@", "a.", "0 ", "一", "(at)", "丁目1", "1 Abc ")


@pytest.mark.parametrize("text", REPEATED)
def test_time_grows_with_the_text_alone(text: str) -> None:
    def seconds(num_characters: int) -> float:
        started = time.process_time()
        redact(text * (num_characters // len(text)))
        return time.process_time() - started

    # Twice as long is nearly twice the work; what grew with the square would be four times.
    short = max(min(seconds(4000) for _ in range(3)), 0.001)
    assert seconds(32_000) < 8 * 3 * short
