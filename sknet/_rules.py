"""Rules of parameters: tests of a value, with the words of an error message."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import inf
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer_names


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value, or a combination of values, that is not allowed."""


class Rule(NamedTuple):
    """The values that a parameter may have, as a test and in words."""

    allows: Callable[[Any], bool]
    words: str

    def __or__(self, other: "Rule") -> "Rule":
        return Rule(lambda v: self.allows(v) or other.allows(v), f"{self.words} or {other.words}")


def is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_real(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        return False
    try:
        float(value)
    except OverflowError:  # an int beyond all floats
        return False
    return True


def one_of(*options: str) -> Rule:
    """Allow these strings."""
    words = ", ".join(map(repr, options))
    return Rule(
        lambda v: isinstance(v, str) and v in options,
        f"one of {words}" if len(options) > 1 else words,
    )


def integer(low: int, high: float = inf) -> Rule:
    """Allow an int (not a bool) from `low` to `high`, both included."""
    upper = "inf)" if high == inf else f"{high}]"
    return Rule(
        lambda v: is_integer(v) and low <= v <= high, f"an int in the range [{low}, {upper}"
    )


def real(interval: str) -> Rule:
    """Allow a finite number (not a bool) in an interval such as "[0, 1)"."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = (lambda v: v >= low) if interval[0] == "[" else (lambda v: v > low)
    below = (lambda v: v <= high) if interval[-1] == "]" else (lambda v: v < high)
    return Rule(lambda v: is_real(v) and above(v) and below(v), f"a float in the range {interval}")


def sequence_of(item: Rule, words: str) -> Rule:
    """Allow a tuple, a list or a 1-d array whose items `item` allows; it may be empty."""

    def allows(value: Any) -> bool:
        if isinstance(value, np.ndarray):
            return value.ndim == 1 and all(item.allows(v) for v in value)
        return isinstance(value, (tuple, list)) and all(item.allows(v) for v in value)

    return Rule(allows, words)


def is_scorer(value: Any) -> bool:
    return isinstance(value, str) and (value == "loss" or value in get_scorer_names())


def is_class_weight(value: Any) -> bool:
    least = real("[0, inf)")
    return isinstance(value, Mapping) and all(least.allows(v) for v in value.values())


def increase(value: Any) -> bool:
    levels = sequence_of(real("(0, 1)"), "").allows(value) and [float(v) for v in value]
    return bool(levels) and all(a < b for a, b in pairwise(levels))


def names_columns(value: Any) -> bool:
    is_array = hasattr(value, "__array__") and np.ndim(value) == 1  # columns of a frame, too
    if not (is_array or isinstance(value, (tuple, list))):
        return False
    kinds = (
        lambda v: isinstance(v, (bool, np.bool_)),
        is_integer,
        # the name of a column of a MultiIndex is a tuple
        lambda v: isinstance(v, str) or (isinstance(v, tuple) and str in map(type, v)),
    )
    return any(all(map(kind, value)) for kind in kinds)
