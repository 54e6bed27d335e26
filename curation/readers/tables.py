"""Tables as text: CSV with a header and its kin; a row whose quotes are broken costs that row."""

from __future__ import annotations

import csv
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from curation.readers.broken_rows import QuoteRule
from curation.readers.entries import Broken, Entry, Found
from curation.readers.headers import SEPARATORS, Header, assumed_header, header_by, header_in
from curation.readers.lines import MARK, Line, damage, read_lines

_BLANKS = f"{SEPARATORS}{MARK} \r\n"
_LINE_END = re.compile("\r\n|\r|\n")
# Spreadsheets say so which separator they take.
_SEPARATOR_LINE = re.compile(rf"{MARK}?sep=.?\s*")
_MAX_LINES_BEFORE_HEADER = 10
# No record that can be used is longer; it bounds what is looked at for each broken row.
_MAX_LINES_OF_A_BROKEN_ROW = 100


def read_table(path: Path) -> Iterator[Found]:
    """The rows of a raw object below its header, in memory one after the other.

    Cells are parted as the header's are. A row that has the header's names is a header again, as
    where two files were joined.
    """
    # A long cell is for the check to refuse, and no reason to read no further.
    csv.field_size_limit(sys.maxsize)
    lines = _Lines(read_lines(path))
    header, before = _take_header(lines)
    for line in before:
        yield Broken(line.number, "not_a_record", "it stands before the header", line.text)
    if header is None:
        return
    rows = list(islice(table := _Table(lines, header).read(), 1))
    # What had to be the header is not lost without a word.
    if header.may_be_a_record or (not rows and not header.is_known):
        yield header.refused()
    yield from rows
    yield from table


class _Lines(Iterator[str]):
    """Lines for a csv.reader that can be looked at before they are taken, and be taken anew."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._ahead: deque[Line] = deque()
        self.taken: list[Line] = []

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        self.taken.append(line)
        return line.text if len(self.taken) > 1 else line.text.removeprefix(MARK)

    def look_ahead(self, number: int) -> list[Line]:
        self._ahead.extend(islice(self._lines, max(number - len(self._ahead), 0)))
        return list(islice(self._ahead, number))

    def take(self, number: int) -> None:
        """Give back what was taken, and take so many lines."""
        self._ahead.extendleft(reversed(self.taken))
        self.taken = [self._ahead.popleft() for _ in range(number)]


def _take_header(lines: _Lines) -> tuple[Header | None, list[Line]]:
    """The header, and lines before it. Where no line is one, the first has to be it."""
    before: list[tuple[int, Line]] = []
    for number, line in enumerate(lines.look_ahead(_MAX_LINES_BEFORE_HEADER), 1):
        if _SEPARATOR_LINE.fullmatch(line.text) or not line.text.strip(_BLANKS):
            continue
        header = header_in(line)
        # Below another line, letters are rather a row of it than names.
        if header and not (before and max(map(len, header.called)) == 1):
            lines.take(number)
            return header, [line for _, line in before]
        before.append((number, line))
    if not before:
        return None, []
    number, first = before[0]
    lines.take(number)
    return assumed_header(first), []


class _Table:
    """The rows below a header."""

    def __init__(self, lines: _Lines, header: Header) -> None:
        self._lines, self._header = lines, header
        self._quotes = QuoteRule(header.separator, header.num_cells)

    def read(self) -> Iterator[Found]:
        reader = self._reader(self._lines, self._header.skips_blanks)
        while True:
            self._lines.taken = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield self._broken_row()
                continue
            # A row of empty cells is how a spreadsheet writes one that nobody filled.
            if any(cell.strip() for cell in cells) and not self._begins_anew(cells):
                yield self._row(cells)

    def _reader(self, lines: Iterable[str], skips_blanks: bool) -> Iterator[list[str]]:
        separator = self._header.separator
        return csv.reader(lines, delimiter=separator, skipinitialspace=skips_blanks, strict=True)

    def _broken_row(self) -> Broken:
        num_more = max(_MAX_LINES_OF_A_BROKEN_ROW - len(self._lines.taken), 0)
        lines = [*self._lines.taken, *self._lines.look_ahead(num_more)]
        texts = [line.text for line in lines[:_MAX_LINES_OF_A_BROKEN_ROW]]
        self._lines.take(self._quotes.num_lines(texts))
        return self._damaged() or self._refused(
            "broken_csv", "a quote is out of place; within a quoted cell it is written twice"
        )

    def _damaged(self) -> Broken | None:
        if not any(line.is_damaged for line in self._lines.taken):
            return None
        return self._refused("undecodable", damage(self._text()))

    def _begins_anew(self, cells: list[str]) -> bool:
        """Whether a row is a header: then it is the one of the rows below."""
        called = self._header.called
        # Asked of each row: most differ in their first cell.
        if cells[0] not in called or set(cells) != set(called):
            return False
        header = header_by(self._lines.taken[0], self._header.separator)
        if header.is_known:
            self._header = header
            self._quotes = QuoteRule(header.separator, header.num_cells)
        return header.is_known

    def _row(self, cells: list[str]) -> Found:
        header = self._header
        damaged = self._damaged()
        if damaged:
            return damaged
        if header.complaint:
            return self._refused(*header.complaint)
        if _extra(cells, header):
            cells = self._with_blanks_skipped(cells)
        value: dict[str, Any] = dict(zip(header.names, cells, strict=False))
        if _extra(cells, header):
            detail = (
                f"{self._counted(cells)}: a cell with a '{header.separator}' in it has to be quoted"
            )
            content = {**value, "beyond_the_header": cells[len(header.names) :]}
            return self._refused("broken_csv", detail, content)
        for field in header.shape.required:
            if field not in value:
                return self._refused(f"missing_{field}", f"{self._counted(cells)}: no {field}")
        if "phrasings" in value:
            phrasings = _LINE_END.split(value["phrasings"])
            value["phrasings"] = [phrasing for phrasing in phrasings if phrasing.strip()]
        return Entry(self._lines.taken[0].number, value)

    def _with_blanks_skipped(self, cells: list[str]) -> list[str]:
        """The row's cells with blanks before quotes passed over, where that makes them fit."""
        try:
            again = next(self._reader([self._text()], skips_blanks=True))
        except csv.Error:
            return cells
        return cells if _extra(again, self._header) else again

    def _counted(self, cells: list[str]) -> str:
        return f"the row has {len(cells)} of the header's {len(self._header.names)} cells"

    def _refused(self, reason: str, detail: str, content: Any = None) -> Broken:
        content = content or self._text().rstrip("\r\n")
        return Broken(self._lines.taken[0].number, reason, detail, content)

    def _text(self) -> str:
        return "".join(line.text for line in self._lines.taken).removeprefix(MARK)


def _extra(cells: list[str], header: Header) -> bool:
    """Whether a row has something beyond the header's columns."""
    return len(cells) > len(header.names) and any(
        cell.strip() for cell in cells[len(header.names) :]
    )
