"""Texts that differ in dress say the same; what differs in content never does."""

from __future__ import annotations

import time

import pytest

from curation.sameness import Wording, ask_the_same, say_the_same

SAME = """
経費の締切はいつですか?|経費の締め切りはいつ?
申請書は総務に提出してください。|申請書を総務に提出して下さい
毎月25日までに領収書を添えて提出してください。|領収書を添えて毎月25日までに提出してください。
申請しなければなりません。|申請しないといけない。
サーバーのパスワードを変更します|サーバのパスワードを変更する
お手数ですが総務までご連絡ください|総務まで連絡してください
申込は窓口で出来ます|申し込みは窓口でできます。
書類を提出してください|書類を提出してくだい
3日以内に連絡してください|三日以内に連絡して下さい。
電話は総務です。鍵は守衛室です。|鍵は守衛室です。電話は総務です。
How do I submit the form?|How can I submit the form?
Please submit the form by Friday.|Submit the form by Friday
You need to submit the form.|You must submit the form
If you are late, call the office.|Call the office if you are late.
Don't open the box.|Do not open the box!
The receipt is needed.|The receipts are needed.
Please recieve the parcel|Please receive the parcel
Could you tell me where the printer is?|Where is the printer?
"""
OTHER = """
札幌は9時、仙台は10時です|仙台は9時、札幌は10時です
部長が課長に報告する|部長に課長が報告する
部長が課長に報告する|課長が部長に報告する
確認して、送付する|送付して、確認する
まずはな班に声をかけてください|まずもも班に声をかけてください
使えます|使えません
公開です|非公開です
3日以内|3日以降
10mまで|10kmまで
東京から大阪へ|大阪から東京へ
東京から|東京まで
現金だけ使えます|現金も使えます
午前9時|午後9時
①を押す|②を押す
10⁶ Ω|10⁵ Ω
棚Aにあります|棚Bにあります
朝は肉を昼は魚を食べる|朝は魚を昼は肉を食べる
新しい機器の古い部品を使う|古い機器の新しい部品を使う
最初に蓋を閉じる。次に電源を切る。|次に電源を切る。最初に蓋を閉じる。
A visa is needed.|No visa is needed.
Call Sato.|Call Suzuki.
before noon|after noon
If A, do B.|If B, do A.
Call A if late, call B if sick.|Call A if sick, call B if late.
Send it to Mr. Martin|Send it to Mr. Marten
at 9 am|at 9 pm
with a receipt|without a receipt
up to 10 people|more than 10 people
Open the lid, remove the battery.|Remove the battery, open the lid.
version 1.2|version 12
-5 degrees|5 degrees
Contact Brian|Contact Brain
Ask IT|Ask HR
All but visitors|All visitors
in the box|on the box
正社員と契約社員|正社員または契約社員
👍|👎
?|!
"""


def pairs(lines: str) -> list[list[str]]:
    return [line.split("|") for line in lines.strip().split("\n")]


@pytest.mark.parametrize(("left", "right"), pairs(SAME))
def test_same(left: str, right: str) -> None:
    assert say_the_same(Wording(left), Wording(right))
    assert say_the_same(Wording(right), Wording(left))


@pytest.mark.parametrize(("left", "right"), pairs(OTHER))
def test_other(left: str, right: str) -> None:
    assert not say_the_same(Wording(left), Wording(right))
    assert not say_the_same(Wording(right), Wording(left))


def test_long_text_is_read_to_its_end() -> None:
    long = "領収書を添えて、" * 4000
    assert not say_the_same(Wording(long + "申請する"), Wording(long + "申請しない"))


def test_words_over_and_over_take_no_time() -> None:
    """To align the longest answer of three particles takes 45 s for each pair of records."""
    left, right = Wording("猫です" + "のにが" * 600), Wording("猫ですね" + "がにの" * 600 + "やあ")
    started = time.process_time()
    assert not ask_the_same(left, right)
    say_the_same(left, right)
    assert time.process_time() - started < 2
