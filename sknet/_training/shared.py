"""Results that several fits on the same data share."""

import pickle
import warnings
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


def key_of(*values: Any) -> Hashable:
    """Return a key that is equal only for equal values.

    Values that cannot be pickled count as equal to none.
    """
    try:
        return pickle.dumps(values)
    except Exception:  # a class of the user may raise anything
        return object()


class Shared:
    """Results by key: each is computed once, and its warnings are given to each fit.

    What raises is not kept: the next fit raises an error of its own.
    """

    def __init__(self) -> None:
        self._results: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return ``make()``, or what an earlier call with this key has returned."""
        if key not in self._results:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                made = make()
            self._results[key] = (
                made,
                [(w.message, w.category, w.filename, w.lineno) for w in caught],
            )
        made, given = self._results[key]
        for warning in given:
            warnings.warn_explicit(*warning)
        return made


class NothingShared(Shared):
    """The only fit: keeps nothing."""

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        return make()


ALONE = NothingShared()
