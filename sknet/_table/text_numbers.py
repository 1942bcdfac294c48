"""Numbers that are written as text: how, and the steps that read them."""

import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

_CURRENCY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₽₩₪₺฿]|(?i:usd|eur|gbp|chf|jpy|cny|inr|rs|aud|cad|sek|nok|dkk|pln|kr|zł))"
)
#: What is between the thousands, besides "," and ".": blanks of several widths, and apostrophes.
BLANKS = " \xa0\u2009\u202f'’"
_DIGITS = rf"\d(?:[\d.,{BLANKS}]*\d)?\.?|\.\d+"
#: A number with what may stand around it.
AMOUNT = re.compile(
    rf"(?P<open>\()?\s*[-+−]?\s*(?P<before>{_CURRENCY})?\s*[-+−]?\s*(?P<digits>{_DIGITS})"
    r"(?P<exponent>[eE][-+]?\d+)?\s*(?P<unit>(?:[^\W\d_]|[%‰°$€£¥₹₽₩₪₺฿])[^\s()]{0,11}?"
    r"(?:\s[^\W\d_]{1,8})?)?(?P<trailing>\s*-)?\s*(?P<close>\))?"
)
_BY_BLANKS = rf"[1-9]\d{{0,2}}(?:[{BLANKS}]\d{{3}})+"
#: Digits with a decimal point, and with a decimal comma. A comma between thousands does not follow
#: a zero, so that 0,512 tells the two apart.
POINT = re.compile(rf"(?:\d+|[1-9]\d{{0,2}}(?:,\d{{2,3}})*,\d{{3}}|{_BY_BLANKS})?(?:\.\d*)?")
COMMA = re.compile(rf"(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+|{_BY_BLANKS})?(?:,\d+)?")
#: Plain whole numbers are codes if at most this share of them differ, if this share have the same
#: length, as ZIP codes do, or if more than this share begin with a zero.
CODES_DISTINCT, CODES_LENGTH, CODES_ZERO = 0.2, 0.95, 0.01
#: Signs and separators; in this share of the values they show that these are numbers, not codes.
SIGNED, DECORATED = re.compile(rf"[-−(]|\d[,{BLANKS}]\d"), 0.1
WHOLE = re.compile(r"\d+(?:\.0+)?")

#: A code that has a letter, among plain whole numbers: "136A", "c118". Not thousands or millions.
LETTERED, PLAIN_SHARE = re.compile(r"[A-Za-z]\d+|\d+[AC-JLN-Z]"), 0.5

#: The step that finds the number among what stands around it.
FIND_NUMBER = ("extract", r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)")


class NumberText(NamedTuple):
    """How numbers are written.

    Attributes
    ----------
    words : str
        What is special about it, for a message.
    steps : tuple
        Which read them as plain numbers: ("replace", pattern, by), where ``{1}`` is the group; or
        ("extract", pattern).
    """

    words: str
    steps: tuple[tuple[str, ...], ...]


def number_look(sample: Any, least: float) -> NumberText | None:
    """Return how the numbers of a `Sample` are written; None where they are none, or codes."""
    matches = [AMOUNT.fullmatch(text) for text in sample.texts]
    units = Counter(_unit(m) for m in matches if m and m["unit"])
    unit = units.most_common(1)[0][0] if units else ""
    found = [m if m and _unit(m) in ("", unit) and _is_number(m) else None for m in matches]
    best, share = _decimal(found, sample)
    if share < least:
        return None
    amounts = [m for m in found if m and best.fullmatch(m["digits"])]
    if not _is_decorated(amounts) and _are_codes(amounts, sample.distinct):
        return None
    if _has_lettered_codes(sample.texts):
        return None
    return _described(amounts, best is COMMA, sample.padded)


def _unit(match: re.Match) -> str:
    return (match["unit"] or "").lower().rstrip("s.")


def _is_number(match: re.Match) -> bool:
    ordinal = re.match(r"(st|nd|rd|th)\b", match["unit"] or "", re.IGNORECASE)
    return bool(match["open"]) == bool(match["close"]) and not ordinal


def _decimal(found: list[Any], sample: Any) -> tuple[re.Pattern, float]:
    """Return POINT or COMMA, whichever fits more of the numbers, and the share that it fits."""
    shares = [
        sample.share([m is not None and style.fullmatch(m["digits"]) is not None for m in found])
        for style in (POINT, COMMA)
    ]
    money = [m for m in found if m and (m["before"] or re.match(r"[$€£¥]|eur", _unit(m)))]
    dotted = [m["digits"] for m in money if "." in m["digits"]]
    thousands = dotted and all(re.search(r"\.\d{3}$", d) for d in dotted)  # no price has 3 decimals
    if shares[1] > shares[0] or (shares[1] == shares[0] and thousands):
        return COMMA, shares[1]
    return POINT, shares[0]


def _is_decorated(amounts: list[re.Match]) -> bool:
    """Whether more than plain digits shows that these are numbers."""
    signed = sum(SIGNED.search(m.string) is not None for m in amounts)
    plain = sum(WHOLE.fullmatch(m.string) is not None for m in amounts)
    return signed >= DECORATED * len(amounts) or 2 * plain <= len(amounts)


def _has_lettered_codes(texts: list[str]) -> bool:
    """Whether most texts are whole numbers, and some are such numbers with a letter."""
    plain = sum(text.isdigit() for text in texts)
    return plain > PLAIN_SHARE * len(texts) and any(map(LETTERED.fullmatch, texts))


def _are_codes(amounts: list[re.Match], distinct: float) -> bool:
    """Whether plain whole numbers are codes."""
    whole = [m["digits"].partition(".")[0] for m in amounts]
    lengths = Counter(map(len, whole)).most_common(1)[0]
    return (
        distinct <= CODES_DISTINCT
        or lengths[1] >= CODES_LENGTH * len(whole)
        or np.mean([len(w) > 1 and w[0] == "0" for w in whole]) > CODES_ZERO
    )


def _described(amounts: list[re.Match], comma: bool, padded: bool) -> NumberText:
    """Return what is special about these numbers, and the steps that read them."""
    digits = [m["digits"] for m in amounts]

    def any_has(*groups: str) -> bool:
        return any(m[group] for m in amounts for group in groups)

    blanks = any(set(BLANKS) & set(d) for d in digits)
    groups = any((("." if comma else ",") in d) for d in digits)
    decimal = comma and any("," in d for d in digits)
    percent = any_has("unit") and all(m["unit"] in (None, "%") for m in amounts)
    table = (
        (any("−" in m.string for m in amounts), "", [("replace", "−", "-")]),
        (any_has("close"), "parentheses", [("replace", r"^\s*\((.*)\)\s*$", "-{1}")]),
        (any_has("trailing"), "trailing minus signs", [("replace", r"^\s*(.*\d.*?)\s*-$", "-{1}")]),
        (any_has("before"), "currencies", [("replace", r"^\s*([-+]?)[^\d.+-]+", "{1}")]),
        (percent, "percent signs", []),
        (any_has("unit") and not percent, "units or currencies", []),
        (blanks or groups, "separators of thousands", []),
        (blanks, "", [("replace", f"[{BLANKS}]", "")]),
        (groups, "", [("replace", "[.]" if comma else ",", "")]),
        (decimal, "decimal commas", [("replace", ",", ".")]),
    )
    words = dict.fromkeys(word for is_there, word, _ in table if is_there and word)
    steps = [step for is_there, _, own in table if is_there for step in own]
    if padded or any_has("unit", "before", "close", "trailing"):
        steps.append(FIND_NUMBER)
    return NumberText(" and ".join(words), tuple(steps))
