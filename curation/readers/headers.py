"""The header of a table: how cells are parted, and which is the question, which the answer."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property

from curation.readers.entries import Broken
from curation.readers.fields import field_of, listed, repeated_field
from curation.readers.lines import MARK, Line, damage
from curation.readers.shapes import CHAT, KNOWN, QUESTION, SHAREGPT, Shape, shape_of

SEPARATORS = ",;\t|，；｜"
_MAX_NAME_CHARACTERS = 40
_ENDS_OF_A_SENTENCE = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True)
class Header:
    """A table's columns as they are called on its header's line, parted by the separator."""

    line: Line
    called: tuple[str, ...]
    separator: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, each once, and the fields of a record under their own."""
        names: dict[str, None] = {}
        for number, called in enumerate(self.called, 1):
            name = field_of(called) or called.strip()
            while name in names:
                name = f"{name} ({number})"
            names[name] = None
        return tuple(names)

    @cached_property
    def shape(self) -> Shape:
        """The shape of the rows; of what is none, of a question."""
        return shape_of(self.names) or QUESTION

    @cached_property
    def complaint(self) -> tuple[str, str] | None:
        """Reason and detail where no row can be a record."""
        missing = [field for field in self.shape.required if field not in self.names]
        where = f"the header in line {self.line.number}"
        if missing:
            detail = f"no column for the {' and the '.join(missing)}: {where} has "
            return "unknown_columns", f"{detail}{listed(self.called)}; known are {KNOWN}"
        if self.shape in (CHAT, SHAREGPT):
            detail = f"{where} has {listed(self.shape.required)}, and a cell can't hold a chat"
            return "unknown_columns", f"{detail}: save it as JSON Lines (.jsonl)"
        repeated = repeated_field(self.called, self.shape.fields)
        return ("repeated_column", f"{repeated} ({where})") if repeated else None

    @cached_property
    def num_cells(self) -> tuple[int, int]:
        """How many cells a good row has at least (those of its shape's fields) and at most."""
        required = self.shape.required
        needed = [self.names.index(field) + 1 for field in required if field in self.names]
        return max(needed, default=1), len(self.names)

    @property
    def skips_blanks(self) -> bool:
        """Whether cells are parted by a separator and a blank."""
        return len(self.called) > 1 and all(name[:1] == " " for name in self.called[1:])

    @property
    def is_known(self) -> bool:
        return not self.complaint or self.complaint[0] == "repeated_column"

    @property
    def may_be_a_record(self) -> bool:
        """Whether it has a record's texts, or what can't be read, in the place of known names."""
        return not self.is_known and (
            self.line.is_damaged
            or any(
                len(called) > _MAX_NAME_CHARACTERS or called.strip().endswith(_ENDS_OF_A_SENTENCE)
                for called in self.called
            )
        )

    def refused(self) -> Broken:
        """The header's line, set aside."""
        number, text, is_damaged = self.line
        complaint = ("undecodable", damage(text)) if is_damaged else self.complaint
        assert complaint
        return Broken(number, *complaint, text.strip())


def header_in(line: Line) -> Header | None:
    """The header that a line is: by the separator that gives a question and an answer."""
    headers = (header_by(line, separator) for separator in SEPARATORS)
    return next((header for header in headers if header.is_known), None)


def assumed_header(line: Line) -> Header:
    """The header that a line has to be where none is one: by the separator it has most of."""
    return header_by(line, max(SEPARATORS, key=line.text.count))


def header_by(line: Line, separator: str) -> Header:
    text = line.text.removeprefix(MARK)
    try:
        called = next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error:
        # Quotes are no part of a name: broken ones hide no header.
        called = text.replace('"', "").strip("\r\n").split(separator)
    return Header(line, tuple(called), separator)
