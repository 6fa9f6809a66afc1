"""Tables that fit a page's or terminal's width: rows grouped under what they have in common, long words broken at commas."""

import re
from collections.abc import Sequence
from itertools import zip_longest

WIDTH = 100
"""Characters that a line of a terminal, a mail or a page on paper holds."""
LEAST = 12
"""Characters that a column of words is not made narrower than."""


def broken_at_commas(text: str, width: int) -> list[str]:
    """A text as lines of at most `width` characters, broken after spaces and commas, and within a word only where it must be.

    >>> broken_at_commas("scrub:fit.lr=0.1,alpha=2", 18)
    ['scrub:fit.lr=0.1,', 'alpha=2']
    """
    found = [""]
    for word in re.findall(r"[^ ,]*[ ,]?", text):
        while len(word.rstrip()) > width:
            head, word = word[:width], word[width:]
            found += [head] if found[-1] else []
            found[-1] = head
        if len(found[-1]) + len(word.rstrip()) > width:
            found.append("")
        found[-1] += word
    return [part.rstrip() for part in found if part] or [""]


def paragraph(text: str, width: int = WIDTH) -> str:
    """A text as lines of at most `width` characters."""
    return "\n".join(part for line in text.split("\n") for part in broken_at_commas(line, width))


def fit_table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int], width: int = WIDTH) -> list[str]:
    """A table as lines of at most `width` characters, where numbers leave room: as it is, if it fits; else the columns `words` are broken.

    Rows that share their first cell stand under it, in a line of its own. A row of two cells alone is a remark on its first.
    """
    whole = [list(r) for r in rows if len(r) > 2]
    grouped = len({r[0] for r in rows}) < len(rows) or len(whole) < len(rows)
    wide = fitted_widths([head, *whole], words, width - 2 if not grouped else 10**6)
    if not grouped or (len(whole) == len(rows) and sum(wide) + 2 * len(wide) <= width):
        return [part for row in (head, *whole) for part in row_lines(row, wide, words)]
    return under_first_cells(head, rows, [k - 1 for k in words if k], width)


def under_first_cells(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int], width: int) -> list[str]:
    """The same with each first cell in a line of its own, above its rows; `words` counts the columns from the second."""
    whole = [r[1:] for r in rows if len(r) > 2]
    wide = fitted_widths([head[1:], *whole], words, width - 4)
    found = ["  " + part for part in row_lines(head[1:], wide, words)] if whole else []
    above = None
    for row in rows:
        if row[0] != above:
            found += ["  " + part for part in broken_at_commas(row[0], width - 2)]
            above = row[0]
        parts = row_lines(row[1:], wide, words) if len(row) > 2 else ["  " + part for part in broken_at_commas(row[1], width - 4)]
        found += ["  " + part for part in parts]
    return found


def fitted_widths(table: Sequence[Sequence[str]], words: Sequence[int], width: int) -> list[int]:
    """The width of each column: that of its widest cell, the columns `words` made narrower until all fit."""
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    while sum(wide) + 2 * (len(wide) - 1) > width:
        widest = max(words, key=lambda k: wide[k], default=-1)
        if widest < 0 or wide[widest] <= LEAST:
            break
        wide[widest] -= 1
    return wide


def row_lines(cells: Sequence[str], wide: Sequence[int], words: Sequence[int]) -> list[str]:
    """The lines of one row, cells that are too long broken."""
    parts = [broken_at_commas(c, w) if k in words else [c] for k, (c, w) in enumerate(zip(cells, wide, strict=True))]
    return [line(part, wide, words).rstrip() for part in zip_longest(*parts, fillvalue="")]


def line(cells: Sequence[str], wide: Sequence[int], words: Sequence[int]) -> str:
    """One line: the columns `words` to the left, the others to the right.

    >>> line(["a", "1", "2"], [2, 2, 2], (0,))
    '  a    1   2'
    """
    return "  " + "  ".join(c.ljust(w) if i in words else c.rjust(w) for i, (c, w) in enumerate(zip(cells, wide, strict=True)))


def lines(table: Sequence[Sequence[str]], words: Sequence[int]) -> list[str]:
    """The rows of a table, each column as wide as its widest cell."""
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [line(row, wide, words) for row in table]
