"""Where a row ends whose quotes are broken, so that the rows after it are read."""

from __future__ import annotations

import re
from collections.abc import Sequence


class QuoteRule:
    """How cells of a table are quoted, and how many of them a good row has.

    A cell that begins with a quote ends with the next one before a separator or the end of a line;
    those between are stray. If that is on a later line, either the cell has line ends or its quote
    was never closed and took the next quoted cell's. It was never closed where the lines up to
    there end in a row that is good by itself. Right after them a line that closes a cell which none
    has opened belongs to the broken row, too.
    """

    def __init__(self, separator: str, num_cells: tuple[int, int]) -> None:
        part = re.escape(separator)
        cell = rf'(?:"(?:[^"]|"")*+"|[^"{part}\r\n]*+)'
        least, most = num_cells
        self._separator = separator
        self._good = re.compile(rf"{cell}(?:{part}{cell}){{{least - 1},{most - 1}}}[\r\n]*")
        self._opens = re.compile(rf'(?:{cell}{part})*"(?:[^"]|"")*+\Z')
        self._close = re.compile(rf'(?:[^"]|""|"(?!{part}|[\r\n]|\Z))*+"')

    def num_lines(self, lines: Sequence[str]) -> int:
        """How many of the lines, the first of which begins it, the broken row has."""
        end = self._end(lines)
        if end is None:
            return self._first_good(lines, len(lines))
        for begin in range(end - 1, 0, -1):
            if self._good.fullmatch("".join(lines[begin:end])):
                return self._first_good(lines, begin)
        while end < len(lines) and self._only_closes(lines[end]):
            end += 1
        return end

    def _only_closes(self, line: str) -> bool:
        """Whether a line has a quote too many that opens no cell."""
        return line.count('"') % 2 == 1 and not self._opens.match(line)

    def _end(self, lines: Sequence[str]) -> int | None:
        """The number of lines up to where no cell is open; None where one stays open."""
        is_open = False
        for number, line in enumerate(lines, 1):
            is_open = self._is_open_after(line, is_open)
            if not is_open:
                return number
        return None

    def _first_good(self, lines: Sequence[str], end: int) -> int:
        return next((n for n in range(1, end) if self._good.fullmatch(lines[n])), end)

    def _is_open_after(self, line: str, is_open: bool) -> bool:
        position = 0
        while True:
            if is_open or line.startswith('"', position):
                close = self._close.match(line, position if is_open else position + 1)
                if not close:
                    return True
                is_open, position = False, close.end()
            position = line.find(self._separator, position) + 1
            if not position:
                return False
