"""What the text of a category looks like: numbers, dates, free text, identifiers, or categories.

`look_of` decides, by the share of the different values, or of the rows, that are written like one
kind. What is missing does not count, nor words that stand for it, such as ``"?"``, ``"unknown"``.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._table.kinds import CLOCK, DATES, NUMBER
from sknet._table.text_dates import date_look
from sknet._table.text_numbers import number_look

FREE_TEXT, IDENTIFIERS = "free text", "identifiers"
#: Text in lower case that stands for a missing value.
PLACEHOLDERS = frozenset(
    "|?|??|-|--|---|–|—|.|..|...|*|/|na|n/a|n.a.|n.a|#n/a|<na>|nan|nat|null|none|nil|unknown|unk"
    "|missing|not available|not applicable|not known|n.d.|tbd|tba|undefined|unspecified".split("|")
)  # fmt: skip
#: A column of at most so many different values is a category, whatever its text looks like.
FEW_LEVELS = 10
#: Share of the values that must be written like one kind.
SHARE = 0.9
#: Different values whose text is looked at.
SAMPLE = 256
#: Text is free if more than this share of its values differ, and the median has so many words.
FREE_TEXT_SHARE, FREE_TEXT_WORDS = 0.5, 3
#: Text is identifiers if it has more different values than this, and if this share of all differ.
IDENTIFIER_LEVELS, IDENTIFIER_SHARE = 20, 0.9
#: How numbers and dates begin. It spares other text the comparison with each format.
BEGINNING = re.compile(
    r"\W*(\d|[A-Z]{1,3}[$ ]*[-+.]?\d|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(mon|tue|wed|thu|fri|sat|sun)|kr|zł|Rs)",
    re.IGNORECASE,
)


class Sample(NamedTuple):
    """Some of the different values of a column, without missing ones.

    Attributes
    ----------
    texts : list of str
        Without surrounding blanks.
    counts : ndarray
        Rows of each.
    distinct : float
        Share of all values of the column, not only of these, that differ.
    padded : bool
        Whether there were surrounding blanks.
    """

    texts: list[str]
    counts: np.ndarray
    distinct: float
    padded: bool

    def share(self, hits: Sequence[bool]) -> float:
        """Return the share of the values that are hits: of different ones, or of the rows."""
        mask = np.asarray(hits, bool)
        return float(max(mask.mean(), self.counts[mask].sum() / max(self.counts.sum(), 1)))


class Look(NamedTuple):
    """What the text of a column looks like.

    Attributes
    ----------
    kind : str
        NUMBER, a key of TIMES, FREE_TEXT or IDENTIFIERS.
    found : object
        Of numbers and dates: how they are written, by which the advised lines read them.
    n_levels : int
        Different values that are present.
    """

    kind: str
    found: Any
    n_levels: int


def look_of(levels: Sequence[Any], codes: np.ndarray) -> Look | None:
    """Return what a column looks like; None where it is a category.

    Parameters
    ----------
    levels : sequence
        The different values, sorted. Values that are not text are categories.
    codes : ndarray of int
        For each row the index in `levels`; -1 where missing.
    """
    return look_of_counts(levels, np.bincount(codes + 1, minlength=len(levels) + 1)[1:])


def look_of_counts(levels: Sequence[Any], counts: np.ndarray) -> Look | None:
    """Return what a column looks like, given the number of rows of each level."""
    if len(levels) <= FEW_LEVELS or not isinstance(levels[0], str):
        return None
    present = [k for k, level in enumerate(levels) if level.strip().lower() not in PLACEHOLDERS]
    if len(present) <= FEW_LEVELS:
        return None
    counts = counts[present]
    distinct = len(present) / max(counts.sum(), 1)
    some = slice(None, None, -(-len(present) // SAMPLE))
    texts = [levels[k].strip() for k in present[some]]
    padded = any(levels[k] != text for k, text in zip(present[some], texts, strict=True))
    sample = Sample(texts, counts[some], distinct, padded)
    kind, found = _kind_of(sample, len(present))
    return Look(kind, found, len(present)) if kind else None


def _kind_of(sample: Sample, n_levels: int) -> tuple[str | None, Any]:
    """Return the kind of a column, and how its numbers or dates are written."""
    if sample.share([BEGINNING.match(text) is not None for text in sample.texts]) >= SHARE:
        date = date_look(sample.texts, sample.share, SHARE)
        if date:
            return CLOCK if date.is_clock else DATES, date
        number = number_look(sample, SHARE)
        if number:
            return NUMBER, number
    words = sorted(len(text.split()) for text in sample.texts)
    if sample.distinct > FREE_TEXT_SHARE and words[len(words) // 2] >= FREE_TEXT_WORDS:
        return FREE_TEXT, None
    if sample.distinct > IDENTIFIER_SHARE and n_levels > IDENTIFIER_LEVELS:
        return IDENTIFIERS, None
    return None, None
