"""Where a row ends whose quotes are broken, so that the rows after it are read."""

from __future__ import annotations

import re
from collections.abc import Sequence


class QuoteRule:
    """How cells of a table are quoted, and how many of them a good row has, least and most.

    A cell that begins with a quote ends with the next one before a separator or the end of a line;
    those between are stray. If that is on a later line, either the cell has line ends or its quote
    was never closed and took the next quoted cell's. It was never closed where the lines up to
    there end in a row that is good by itself: then the broken row ends before the first line that
    is one. In any case it ends before a line that opens a quoted cell of its own, and takes a line
    that only closes one.
    """

    def __init__(self, separator: str, num_cells: tuple[int, int]) -> None:
        part = re.escape(separator)
        cell = rf'(?:"(?:[^"]|"")*+"|[^"{part}\r\n]*+)'
        least, most = num_cells
        self._separator = separator
        self._good = re.compile(rf"{cell}(?:{part}{cell}){{{least - 1},{most - 1}}}[\r\n]*")
        self._opens = re.compile(rf'(?:^|{part})"')
        self._close = re.compile(rf'(?:[^"]|""|"(?!{part}|[\r\n]|\Z))*+"')

    def num_lines(self, lines: Sequence[str]) -> int:
        """How many of the lines, the first of which begins it, the broken row has."""
        end = self._end(lines)
        is_closed = end is not None
        end = end or len(lines)
        begins = range(end - 1, 0, -1)
        if is_closed and not any(self._good.fullmatch("".join(lines[n:end])) for n in begins):
            end = next((n for n in range(1, end) if self._opens.search(lines[n])), end)
        else:
            end = next((n for n in range(1, end) if self._begins_a_row(lines[n])), end)
        while end < len(lines) and self._only_closes(lines[end]):
            end += 1
        return end

    def _end(self, lines: Sequence[str]) -> int | None:
        """The number of lines up to where no cell is open; None where one stays open."""
        is_open = False
        for number, line in enumerate(lines, 1):
            is_open = self._is_open_after(line, is_open)
            if not is_open:
                return number
        return None

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

    def _begins_a_row(self, line: str) -> bool:
        is_empty = not line.strip(f"{self._separator} \r\n")
        return bool(self._opens.search(line) or (self._good.fullmatch(line) and not is_empty))

    def _only_closes(self, line: str) -> bool:
        """Whether a line has a quote too many, and none that opens a cell."""
        return line.count('"') % 2 == 1 and not self._opens.search(line)
