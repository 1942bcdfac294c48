"""Dates and times of day that are written as text: their formats."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

#: Pattern of each directive of ``strptime`` that the formats below use.
DIRECTIVES = {
    "%Y": r"(?:1[5-9]|20|21)\d\d",
    "%y": r"\d\d",
    "%m": r"(?:0?[1-9]|1[0-2])",
    "%d": r"(?:0?[1-9]|[12]\d|3[01])",
    "%b": r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    "%B": r"(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)",
    "%a": r"(?:mon|tue|wed|thu|fri|sat|sun)",
    "%A": r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    "%H": r"(?:[01]?\d|2[0-3])",
    "%I": r"(?:0?[1-9]|1[0-2])",
    "%M": r"[0-5]\d",
    "%S": r"[0-5]\d",
    "%f": r"\d{1,9}",
    "%p": r"[ap]m",
    "%z": r"(?:z|[-+]\d\d:?\d\d)",
}  # fmt: skip
#: Of two formats that fit as well, the first counts.
DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y",
    "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y",
    "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%d. %b %Y",
    "%d. %B %Y", "%d-%b-%Y", "%d-%B-%Y", "%d-%b-%y", "%d %b %y", "%d/%b/%Y", "%d%b%Y", "%Y %b %d",
    "%Y-%b-%d", "%a, %d %b %Y", "%a %b %d %Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %b %d, %Y",
    "%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%m.%Y", "%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%b-%y",
    "%Y %b", "%Y %B",
)  # fmt: skip
#: A format that none of so many texts has is not compared with the others.
FEW_TEXTS = 20
CLOCK_FORMATS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
ZONES = ("", "%z", " %z")
#: A part of the year instead of a date: its name, and the patterns of the year and of the part.
PERIODS = {
    "quarter": (r"\d{4}[-/ ]?Q[1-4]|Q[1-4][-/ ]?\d{4}", r"[Qq]([1-4])"),
    "week": (r"\d{4}[-/ ]?W[0-5]?\d", r"[Ww](\d+)"),
}


def _pattern(form: str) -> str:
    parts = re.split(r"(%\w)", form)
    return "".join(DIRECTIVES.get(part) or re.escape(part) for part in parts)


def _compiled(pattern: str) -> re.Pattern:
    return re.compile(pattern, re.IGNORECASE)


#: How a time of day begins that follows a date.
TIME_OF_DAY = r"[ T,] ?\d{1,2}:\d\d"
_DATES = {
    form: _compiled(f"{_pattern(form)}(?P<tail>{TIME_OF_DAY}.{{0,40}})?") for form in DATE_FORMATS
}
_CLOCKS = {form: _compiled(_pattern(form)) for form in CLOCK_FORMATS}
_TAILS = {
    f"{gap}{clock}{zone}": _compiled(_pattern(gap + clock + zone))
    for gap in ("T", " ", ", ")
    for clock in CLOCK_FORMATS
    for zone in ZONES
}
_PERIODS = {name: _compiled(whole) for name, (whole, _) in PERIODS.items()}


class DateText(NamedTuple):
    """How dates or times of day are written.

    Attributes
    ----------
    form : str
        As ``strptime`` takes it; or a key of PERIODS.
    mixed : bool
        Whether times of day follow the date, of different formats, that `form` leaves out.
    """

    form: str
    mixed: bool = False

    @property
    def is_clock(self) -> bool:
        """Whether these are times of day, without a date."""
        return self.form in CLOCK_FORMATS

    @property
    def has_day(self) -> bool:
        """Whether these are days, not months."""
        return "%d" in self.form


def date_look(
    texts: Sequence[str], share: Callable[[list[bool]], float], least: float
) -> DateText | None:
    """Return how the dates among these texts are written.

    Parameters
    ----------
    texts : sequence of str
    share : callable
        From which of the texts are hits to their share.
    least : float
        The share that must be dates; below it, the result is None.
    """
    best, form = 0.0, ""
    few = texts[:: -(-len(texts) // FEW_TEXTS)]
    for name, pattern in {**_DATES, **_CLOCKS, **_PERIODS}.items():
        if not any(map(pattern.fullmatch, few)):
            continue
        own = share([pattern.fullmatch(text) is not None for text in texts])
        if own > best:
            best, form = own, name
        if best == 1.0:
            break
    if best < least:
        return None
    if form not in _DATES:
        return DateText(form)
    tails = [m["tail"] or "" for m in map(_DATES[form].fullmatch, texts) if m]
    if not any(tails):
        return DateText(form)
    fits = {t: sum(p.fullmatch(tail) is not None for tail in tails) for t, p in _TAILS.items()}
    tail, count = Counter(fits).most_common(1)[0]
    if count == len(tails):
        return DateText(form + tail)
    return DateText(form, mixed=True)
