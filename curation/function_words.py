"""The words and phrases that carry politeness and grammar alone. What isn't here has a meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What people wrap a question or a request in, and what has the meaning of another word.
_JAPANESE_PHRASES: Sequence[tuple[str, str]] = (
    (r"お手数(?:を?おかけし(?:ます|て申し訳ありません)|です)が|恐れ入りますが|恐縮ですが", ""),
    (r"すみません(?:が)?|お世話になっております|(?:どうぞ)?(?:よろしく|宜しく)(?=お願い)", ""),
    (
        r"(?:を|について|か)?(?:教えて|ご?教示)(?:ください|下さい|いただけますか|いただけませんか)",
        "",
    ),
    (r"(?:を|か)?(?:知りたい|伺いたい|聞きたい)(?:です|のですが)?", ""),
    (r"(いただけ|頂け|もらえ|くれ)ません(?=か)", r"\1ます"),
    (r"(?:なければ|なくては|ないと|ねば)(?:なり|なら|いけ|行け)(?:ません|ない)", "必要"),
    (r"(?<=[ばら])(?:いい|よい|良い|よろしい)(?=です|でしょう|の|か)", ""),
    (r"どのように|どうやって|どの様に", "どう"),
    (r"どなた", "誰"),
    (r"または|又は", "若しくは"),
    (r"置いてあ(?=り|る)", "あ"),
    (r"かもしれ(?:ません|ない)", "可能性"),
)
_ENGLISH_PHRASES: Sequence[tuple[str, str]] = (
    (r"\b(?:could|can|would|will) you (?:please |kindly )?(?:tell|let) me(?: know)?\b", " "),
    (r"\b(?:please |kindly )?(?:tell|let) me(?: know)?\b|\bdo you (?:happen to )?know\b", " "),
    (r"\bi(?:'d| would) like to (?:know|ask)\b|\bi (?:want|need) to know\b", " "),
    (r"\b(?:make|be) sure (?:to|that|you)\b|\bthank you(?: very much| in advance)?\b", " "),
    (r"\b(?:have|has|need|needs) to\b", " must "),
    (r"\bcan(?:'|no)t\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"(?<=[a-z])'(?:s|re|ll|ve|d|m)\b", " "),
)
_PHRASES = {
    language: [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in phrases]
    for language, phrases in [("ja", _JAPANESE_PHRASES), ("en", _ENGLISH_PHRASES)]
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = _words(
    """a an the of to for in on at as be am is are was were been being do does did have has had can
    could may will would shall i you we they it my our your their its he she me us them this that
    these those there here and so also just simply really very please kindly thanks hello
    hi dear"""
)
# One may be missing, but not stand for another.
CONTRASTS = _words("in on at he she")
# By part of speech in UniDic, as Sudachi's dictionary has them.
JAPANESE_KINDS = _words("助詞 助動詞 接続詞 感動詞")
# Of those kinds, and yet they have a meaning: negation, limits, voice, choice.
MEANINGFUL = _words(
    """ない ず ぬ まい から まで より だけ しか のみ ばかり ほど 程 位 くらい ずつ さえ すら きり
    ながら つつ れる られる せる させる べし らしい 或いは 若しくは はい いいえ"""
)
# Of other kinds, and yet they have none.
MEANINGLESS = _words(
    """為る 居る 有る 成る 下さる 頂く 致す 御座る おる 願う 申し上げる 行う 起きる 起こる 生ずる 御
    こと 事 物 もの よう 様 さん 用 どうぞ 何卒 是非 迄"""
)
# With these the order of sentences says what comes first.
SEQUENCE = _words(
    """先ず 次 次いで 其の 後 前 最後 最初 続く 手順 先 then first second third next finally
    last lastly after afterward before step"""
)
# With these the order of words says what goes where.
DIRECTIONS = _words("から まで より 前 後 from into before after than")
# They begin a clause that may stand before or after the one it belongs to.
SUBORDINATORS = _words("if when unless because before after until once while")


def without_politeness(text: str, language: str) -> str:
    """`text` (folded) without its polite phrases, and with one word for what has several."""
    for pattern, instead in _PHRASES[language]:
        text = pattern.sub(instead, text)
    return text
