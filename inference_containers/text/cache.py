"""The keys and values of all rows, in one block of memory that rows join and leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

FEWEST_ROWS, FEWEST_COLUMNS = 4, 64


@dataclass(frozen=True)
class Window:
    """Some rows of a cache: columns from `start` are read, those from `written` are new.

    `block` is (keys and values, layers, rows, heads, columns, head size).
    """

    block: torch.Tensor
    start: int
    written: int
    end: int

    @property
    def layers(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each layer's keys and values, whole columns beyond the window's included."""
        return list(zip(self.block[0], self.block[1], strict=True))

    def row(self, row: int, num_columns: int) -> Window:
        """One row alone, of which so many columns are written."""
        block = self.block[:, :, row : row + 1]
        return replace(self, block=block, start=self.written - num_columns)

    def put(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write a layer's new columns, both (rows, heads, new columns, head size)."""
        self.block[0, layer, :, :, self.written : self.end] = keys
        self.block[1, layer, :, :, self.written : self.end] = values

    def get(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values, both (rows, heads, columns, head size)."""
        read = self.block[:, layer, :, :, self.start : self.end]
        return read[0], read[1]


class Cache:
    """Every row ends at the same column: a step writes one column, and nothing is moved for it.

    Columns before a row's first are masked, and hold finite numbers. Keys carry their rotary
    position from when they were made, so rows can be moved. The block grows by doubling.
    """

    def __init__(self, num_layers: int, num_heads: int, head_size: int, like: torch.Tensor) -> None:
        self._shape, self._like = (num_layers, num_heads, head_size), like
        self._block = self._reserve(0, 0)
        self._end = 0
        self.lengths: list[int] = []

    @property
    def num_columns(self) -> int:
        """The length of the longest row."""
        return max(self.lengths, default=0)

    def open_new(self, num_rows: int, num_columns: int) -> Window:
        """Place for new rows, which `add` keeps once they are filled."""
        first = len(self.lengths)
        self._make_room(first + num_rows, num_columns, 0)
        start = self._end - num_columns
        return Window(self._block[:, :, first : first + num_rows], start, start, self._end)

    def add(self, lengths: list[int]) -> None:
        """The rows that were opened last are filled."""
        self.lengths += lengths

    def open_step(self) -> Window:
        """All rows with a new column, which `extend` keeps once it is filled."""
        self._make_room(len(self.lengths), 0, 1)
        start = self._end - self.num_columns
        rows = self._block[:, :, : len(self.lengths)]
        return Window(rows, start, self._end, self._end + 1)

    def extend(self) -> None:
        self._end += 1
        self.lengths = [length + 1 for length in self.lengths]

    def drop(self, row: int) -> None:
        """Free a row; the last one takes its place."""
        last = len(self.lengths) - 1
        if row != last:
            used = slice(self._end - self.lengths[last], self._end)
            self._block[:, :, row, :, used] = self._block[:, :, last, :, used]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def _make_room(self, num_rows: int, num_columns: int, num_more: int) -> None:
        """Rows, columns up to the common end, and columns after it."""
        _, _, rows, _, columns, _ = self._block.shape
        if not self.lengths and num_columns + num_more <= columns:
            self._end = num_columns
        if num_rows > rows or num_columns > self._end or self._end + num_more > columns:
            self._move(max(num_rows, rows), max(num_columns, self.num_columns))

    def _move(self, num_rows: int, end: int) -> None:
        """Into a new block, with the common end at `end`."""
        old, old_end, used = self._block, self._end, self.num_columns
        size = 1 << (num_rows - 1).bit_length()
        self._block = self._reserve(max(size, FEWEST_ROWS), max(2 * end, FEWEST_COLUMNS))
        kept = old[:, :, : len(self.lengths), :, old_end - used : old_end]
        self._block[:, :, : len(self.lengths), :, end - used : end] = kept
        self._end = end

    def _reserve(self, num_rows: int, num_columns: int) -> torch.Tensor:
        num_layers, num_heads, head_size = self._shape
        # Zeros: a weight of 0 does not make a NaN vanish.
        return self._like.new_zeros(2, num_layers, num_rows, num_heads, num_columns, head_size)
